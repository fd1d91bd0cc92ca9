/** Turns without end: as long as mail is due, and then when the next comes, or somebody rings. */
import { jittered, type Random } from "../core/clock.ts";
import { Alarm } from "./alarm.ts";
import type { Turner } from "./turner.ts";

const FAILURE_PAUSE_MS = 200;
const BUSY_PAUSE_MS = 25;

/** What the loop needs. */
export interface TurnLoopHost {
  readonly turner: Turner;
  readonly random: Random;
  readonly pollMs: number;
  readonly onDatabase: (isOk: boolean) => void;
  readonly onFailure: (error: unknown) => void;
}

/** The turns of one worker. */
export class TurnLoop {
  readonly #host: TurnLoopHost;
  readonly #alarm = new Alarm();
  #isStopping = false;
  #onQuiet: (() => void)[] = [];
  /** Turns so far. */
  turns = 0;

  constructor(host: TurnLoopHost) {
    this.#host = host;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { turner, onDatabase, onFailure } = this.#host;
    while (!this.#isStopping) {
      try {
        const count = await turner.turnOnce();
        onDatabase(true);
        this.turns += count;
        if (count === 0) await this.#sleep();
      } catch (error) {
        onFailure(error);
        await this.#alarm.wait(jittered(FAILURE_PAUSE_MS, this.#host.random, 0.5));
      }
    }
    this.#tellQuiet();
  }

  /** There is mail. */
  wake(): void {
    this.#alarm.ring();
  }

  /** Resolves when no mail is due. */
  quiet(): Promise<void> {
    if (this.#isStopping) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onQuiet.push(resolve);
    this.#alarm.ring();
    return promise;
  }

  stop(): void {
    this.#isStopping = true;
    this.#alarm.ring();
  }

  async #sleep(): Promise<void> {
    const { turner, pollMs, random } = this.#host;
    this.#tellQuiet();
    const nextMs = await turner.nextDue();
    const longest = jittered(pollMs, random, 0.2);
    // Due, and somebody else has it: who may be gone. Otherwise a millisecond late rather than early.
    const waitMs = nextMs === 0 ? jittered(BUSY_PAUSE_MS, random, 0.5) : (nextMs ?? longest) + 1;
    await this.#alarm.wait(Math.min(longest, waitMs));
  }

  #tellQuiet(): void {
    for (const done of this.#onQuiet.splice(0)) done();
  }
}
