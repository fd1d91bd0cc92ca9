/** So many calls of one name at a time: what it asks for beyond that waits for its own, and in nobody's way. */
import { UnavailableError } from "../core/errors.ts";

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

/** The lines of those who call. */
export class Turns {
  readonly #most: number;
  readonly #waitMs: number;
  readonly #lines = new Map<string, Line>();

  constructor(most: number, waitMs: number) {
    this.#most = most;
    this.#waitMs = waitMs;
  }

  /** @throws {UnavailableError} Its turn did not come in `waitMs`: nothing was done. */
  async pass<T>(name: string, call: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(name) ?? { running: 0, waiting: [] };
    this.#lines.set(name, line);
    if (line.running >= this.#most) await this.#wait(line);
    else line.running++;
    try {
      return await call();
    } finally {
      this.#leave(name, line);
    }
  }

  /** Whoever leaves hands its place on. */
  #wait({ waiting }: Line): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        clearTimeout(overdue);
        resolve();
      };
      const overdue = setTimeout(() => {
        waiting.splice(waiting.indexOf(go), 1);
        reject(new UnavailableError(`No turn came in ${this.#waitMs} ms`));
      }, this.#waitMs);
      waiting.push(go);
    });
  }

  #leave(name: string, line: Line): void {
    const next = line.waiting.shift();
    if (next) return next();
    line.running--;
    if (line.running === 0) this.#lines.delete(name);
  }
}
