/**
 * The part of `@std/testing/time` our tests use, over npm `@sinonjs/fake-timers`.
 *
 * It replaces what std replaces: `Date`, the timeout and interval functions, `AbortSignal.timeout`.
 * Never use it beside a live socket: the driver's own timers would stop too.
 *
 * One difference: when a timer throws, the others due by then still run before the error is thrown on.
 */
import FakeTimers from "@sinonjs/fake-timers";

const { Date, setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
const real = { Date, setTimeout, clearTimeout, setInterval, clearInterval };
const realSignalTimeout = AbortSignal.timeout;

/** A mistake in the use of `FakeTime`. */
export class TimeError extends Error {
  override readonly name = "TimeError";
}

let active: FakeTime | undefined;

/** Time that moves only when told to, from construction until `restore` (or the end of `using`). */
export class FakeTime implements Disposable {
  /** The first moment, milliseconds since 1970. */
  readonly start: number;
  readonly #clock: ReturnType<typeof FakeTimers.createClock>;

  constructor(start?: number | string | Date | null) {
    if (active) throw new TimeError("Cannot construct FakeTime: time is already faked");
    this.start = Math.floor(new Date(start ?? Date.now()).getTime());
    if (Number.isNaN(this.start)) {
      throw new TypeError(`Cannot construct FakeTime: invalid start time ${start}`);
    }
    this.#clock = FakeTimers.createClock(this.start);
    active = this;
    this.#install();
  }

  /** Milliseconds since 1970. Setting it runs every timer due by then. */
  get now(): number {
    return this.#clock.now;
  }
  set now(value: number) {
    if (value < this.now) {
      throw new RangeError(
        `Cannot set current time in the past, time must be >= ${this.now}: received ${value}`,
      );
    }
    this.#clock.tick(value - this.now);
  }

  /** Moves time on and runs every timer due by then. */
  tick(ms = 0): void {
    this.now += ms;
  }

  /** `tick`, after all pending microtasks. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  /** Moves time to the next timer and runs all that are due then; false when there is none. */
  next(): boolean {
    if (this.#clock.countTimers() === 0) return false;
    this.#clock.next();
    this.#clock.tick(0);
    return true;
  }

  /** `next`, after all pending microtasks. */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Runs timers, those they make too, until none is left. An interval must be cleared by one. */
  runAll(): void {
    while (this.next());
  }

  /** `runAll`, with all pending microtasks before each step. */
  async runAllAsync(): Promise<void> {
    while (await this.nextAsync());
  }

  /** Lets all pending microtasks run, and what they queue. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Waits in real time. */
  delay(ms: number): Promise<void> {
    return new Promise((resolve) => real.setTimeout(resolve, ms));
  }

  /** Gives the real time back. */
  restore(): void {
    if (active !== this) throw new TimeError("Cannot restore time: time is already restored");
    active = undefined;
    uninstall();
  }

  [Symbol.dispose](): void {
    this.restore();
  }

  /** Gives the real time back, whoever faked it. */
  static restore(): void {
    if (!active) throw new TimeError("Cannot restore time: time is already restored");
    active.restore();
  }

  /** Runs `callback`, and waits for it, in real time. */
  static async restoreFor<Args extends unknown[], T>(
    callback: (...args: Args) => Promise<T> | T,
    ...args: Args
  ): Promise<T> {
    const faked = active;
    if (!faked) throw new TimeError("Cannot restore time: time is not faked");
    uninstall();
    try {
      return await callback(...args);
    } finally {
      faked.#install();
    }
  }

  #install(): void {
    const { Date, setTimeout, clearTimeout, setInterval, clearInterval } = this.#clock;
    Object.assign(globalThis, { Date, setTimeout, clearTimeout, setInterval, clearInterval });
    AbortSignal.timeout = (ms) => {
      const controller = new AbortController();
      const reason = new DOMException("Signal timed out.", "TimeoutError");
      setTimeout(() => controller.abort(reason), ms);
      return controller.signal;
    };
  }
}

function uninstall(): void {
  Object.assign(globalThis, real);
  AbortSignal.timeout = realSignalTimeout;
}
