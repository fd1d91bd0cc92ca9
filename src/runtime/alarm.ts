/** A wait that others can end: the pause between polls. */

/** Rings once per wait; a ring without a waiter is kept for the next one. */
export class Alarm {
  #isRung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Resolves when rung, or after `timeoutMs`: whether it was rung. */
  async wait(timeoutMs: number): Promise<boolean> {
    if (!this.#isRung) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          done();
        };
      });
    }
    const isRung = this.#isRung;
    this.#wake = null;
    this.#isRung = false;
    return isRung;
  }
}
