/** Work that waits for the work before it, by key. */

/**
 * Does what is asked under one key one after another, in the order of asking.
 *
 * For rows that are changed by a guarded statement: fifty callers of one process would each see the
 * guard fail again and again, though every one of them could be served. Other processes are met by
 * the guard as before.
 */
export class InTurn {
  readonly #last = new Map<string, Promise<void>>();

  /** Does the work when all asked before under this key have ended, however they did. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const own = before.then(work);
    const ended = own.then(() => {}, () => {});
    this.#last.set(key, ended);
    try {
      return await own;
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    }
  }
}
