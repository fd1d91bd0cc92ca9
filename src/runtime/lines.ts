/**
 * One at a time by name, within a process: a courtesy, that callers of one actor do not work in vain
 * against each other. What decides is the version of its row, which other processes look at too.
 */
import { UnavailableError } from "../core/errors.ts";

/** The lines of one process. */
export class Lines {
  /** The last of each line; gives what kept it from the database. */
  readonly #last = new Map<string, Promise<UnavailableError | null>>();

  /**
   * Runs `work` when all who came before under this name have ended.
   *
   * @throws {UnavailableError} The one before could not reach the database: nobody behind asks anew, each
   *   with a deadline of its own.
   */
  async pass<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const { promise, resolve } = Promise.withResolvers<UnavailableError | null>();
    this.#last.set(name, promise);
    let fault: UnavailableError | null = null;
    try {
      const known = await before;
      if (known) throw known;
      return await work();
    } catch (error) {
      if (error instanceof UnavailableError) fault = error;
      throw error;
    } finally {
      if (this.#last.get(name) === promise) this.#last.delete(name);
      resolve(fault);
    }
  }
}
