/**
 * Bodies that come too slowly are given up: whoever sends one holds a connection, and what was read of it.
 *
 * One clock looks at all bodies under way: a timer for each would cost every request, and hardly one of
 * them is ever slow.
 */
import { systemClock } from "../core/clock.ts";
import { RequestTimeoutError } from "../core/errors.ts";

/** How slow a body may be. */
export interface Pace {
  /** So long nothing is asked of it, milliseconds. */
  readonly graceMs: number;
  /** What has to have come since. */
  readonly bytesPerSecond: number;
  /** So often it is looked, milliseconds. */
  readonly lookMs: number;
}

/** A line of the slowest kind keeps to it. */
const PACE: Pace = { graceMs: 30_000, bytesPerSecond: 16 * 1024, lookMs: 1_000 };

/** How a body comes along. */
export interface Progress {
  /** So many have come. */
  bytes: number;
  /** Reads no further; left out: it cannot be stopped. */
  stop?: () => void;
}

interface Reading {
  readonly begunAt: number;
  readonly progress: Readonly<Progress>;
  readonly giveUp: (error: RequestTimeoutError) => void;
}

/** Looks after the bodies of one API. */
export class Patience {
  readonly #pace: Pace;
  readonly #readings = new Set<Reading>();
  #isLooking = false;
  #lookedAt = 0;
  #isPassedOver = false;

  constructor(pace: Pace = PACE) {
    this.#pace = pace;
  }

  /** What `read` gives. @throws {RequestTimeoutError} It is too slow; whoever sends it is cut off. */
  with<T>(read: Promise<T>, progress: Readonly<Progress>): Promise<T> {
    if (!this.#isLooking) this.#lookLater();
    // Every request with a body comes by: one promise, where a race of two would make five.
    return new Promise((resolve, reject) => {
      const reading = { begunAt: systemClock.monotonic(), progress, giveUp: reject };
      this.#readings.add(reading);
      read.then((value) => {
        this.#readings.delete(reading);
        resolve(value);
      }, (error) => {
        this.#readings.delete(reading);
        reject(error);
      });
    });
  }

  #lookLater(): void {
    this.#isLooking = true;
    this.#lookedAt = systemClock.monotonic();
    setTimeout(() => this.#look(), this.#pace.lookMs);
  }

  #look(): void {
    this.#isLooking = false;
    const { graceMs, bytesPerSecond, lookMs } = this.#pace;
    const now = systemClock.monotonic();
    // This process stood still: what has come meanwhile has yet to be read. Not again the next time: where it is
    // late every time, slow bodies are what it has too much of.
    this.#isPassedOver = !this.#isPassedOver && now - this.#lookedAt > 2 * lookMs;
    if (this.#isPassedOver) return this.#lookLater();
    for (const reading of this.#readings) {
      const { begunAt, progress, giveUp } = reading;
      const asked = (now - begunAt - graceMs) / 1000 * bytesPerSecond;
      if (progress.bytes >= asked) continue;
      this.#readings.delete(reading);
      giveUp(new RequestTimeoutError("The body came too slowly"));
      progress.stop?.();
    }
    if (this.#readings.size > 0) this.#lookLater();
  }
}
