/** How fast a process works jobs off, by what has ended here lately. */

const WINDOW_MS = 50;

/** Counts what ends. */
export class Pace {
  #windowAt = 0;
  #inWindow = 0;
  #inLastWindow = 0;

  /** A job has ended. */
  note(): void {
    this.#inWindow++;
  }

  /** So many of those that have ended made no room for what is claimed. */
  forget(count: number): void {
    this.#inWindow = Math.max(0, this.#inWindow - count);
  }

  /** Jobs that end in so many milliseconds at the pace of the last window. @param now monotonic */
  within(ms: number, now: number): number {
    this.turn(now);
    return Math.floor(Math.max(this.#inWindow, this.#inLastWindow) * ms / WINDOW_MS);
  }

  /** Begins a new window when the last one is over. */
  turn(now: number): void {
    const passed = now - this.#windowAt;
    if (passed < WINDOW_MS) return;
    this.#inLastWindow = passed < 2 * WINDOW_MS ? this.#inWindow : 0;
    this.#inWindow = 0;
    this.#windowAt = now;
  }
}
