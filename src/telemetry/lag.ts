/** How late timers of this process are: what a handler that never yields does to everybody else. */
import type { Clock } from "../core/clock.ts";

const TICK_MS = 500;

/** The longest lateness of a timer since it was last asked, in seconds. */
export class LagMeter {
  readonly #clock: Clock;
  readonly #timer: ReturnType<typeof setInterval>;
  #tickAt: number;
  #worstMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#tickAt = clock.monotonic();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Reads it, and begins anew. */
  take(): number {
    const pending = this.#clock.monotonic() - this.#tickAt - TICK_MS;
    const worst = Math.max(this.#worstMs, pending, 0) / 1000;
    this.#worstMs = 0;
    return worst;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    this.#worstMs = Math.max(this.#worstMs, now - this.#tickAt - TICK_MS);
    this.#tickAt = now;
  }
}
