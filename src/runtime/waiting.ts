/**
 * Waiting for jobs to end: one poll for all waiters of a process, woken early by hints.
 *
 * A waiter says on the hint channel that somebody waits; for a while workers then tell which jobs
 * ended. Without hints the poll finds it alone, soon at first, then about once in a second.
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { UnavailableError } from "../core/errors.ts";
import type { Job } from "../core/job.ts";
import type { Hint, HintStore, JobStore } from "../store/store.ts";
import { Alarm } from "./alarm.ts";

const log = getLogger(["perdura", "waiting"]);

/** More than these would be answered too late to be worth the memory. */
const WAITERS_MAX = 10_000;
/** 24 days. A timer that is to count further, or for ever, is over at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** How long workers remember that somebody waits. */
export const WATCH_MS = 5_000;

const POLL_MS_MIN = 5;
const POLL_MS_MAX = 1_000;
/** A slow database is asked less often: at most this part of the time is spent on asking. */
const POLL_SHARE = 20;

/** What waiting needs of a store. */
export type WaitingStore = HintStore & Pick<JobStore, "ended">;

interface Waiter {
  readonly tenantId: string;
  readonly id: string;
  readonly done: () => void;
}

/** The waiters of one process. */
export class Waiting {
  readonly #store: WaitingStore;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  readonly #alarm = new Alarm();
  #isPolling = false;
  #isListening = false;
  #isStopped = false;
  #pollMs = POLL_MS_MIN;
  #watchedAt = -Infinity;

  constructor(store: WaitingStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The process stops: nobody waits any more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Waiters now. */
  get size(): number {
    return this.#waiters.size;
  }

  /**
   * Resolves when the job has ended, after `timeoutMs`, when `signal` aborts, or at once when
   * `WAITERS_MAX` others wait: look at the job then. Never rejects.
   */
  async ended(job: Pick<Job, "tenantId" | "id">, timeoutMs: number, signal?: AbortSignal) {
    if (this.#isStopped || this.#waiters.size >= WAITERS_MAX || signal?.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { tenantId: job.tenantId, id: job.id, done: resolve };
    const timer = setTimeout(resolve, timeoutMs > 0 ? Math.min(timeoutMs, TIMER_MS_MAX) : 0);
    const onAbort = () => resolve();
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#waiters.add(waiter);
    this.#pollMs = POLL_MS_MIN;
    this.#watch();
    if (!this.#isPolling) void this.#poll();
    await promise;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    this.#waiters.delete(waiter);
    if (this.#waiters.size === 0) this.#alarm.ring();
  }

  /** Everybody gets the job as it is, from now on too: the process stops. */
  stop(): void {
    this.#isStopped = true;
    for (const { done } of this.#waiters) done();
  }

  #watch(): void {
    if (!this.#isListening) {
      this.#isListening = true;
      // The subscription ends with the store. Without it there is still the poll.
      this.#store.onHint((hint) => this.#onHint(hint)).catch(() => this.#isListening = false);
    }
    const now = this.#clock.monotonic();
    if (now - this.#watchedAt < WATCH_MS / 2) return;
    this.#watchedAt = now;
    this.#store.hint({ kind: "watch" });
  }

  #onHint(hint: Hint | null): void {
    if (hint?.kind !== "ended") return;
    if (hint.ids.length === 0) return this.#alarm.ring();
    const ids = new Set(hint.ids);
    for (const waiter of this.#waiters) if (ids.has(waiter.id)) waiter.done();
  }

  async #poll(): Promise<void> {
    this.#isPolling = true;
    let spentMs = 0;
    while (this.#waiters.size > 0) {
      await this.#alarm.wait(Math.max(this.#pollMs, spentMs * POLL_SHARE));
      this.#pollMs = Math.min(this.#pollMs * 2, POLL_MS_MAX);
      if (this.#waiters.size === 0) break;
      this.#watch();
      spentMs = await this.#ask();
    }
    this.#isPolling = false;
  }

  /** Asks for all waiters at once. Gives the milliseconds it took. */
  async #ask(): Promise<number> {
    const startedAt = this.#clock.monotonic();
    const asked = [...this.#waiters];
    try {
      const ended = new Set(await this.#store.ended(asked));
      for (const waiter of asked) if (ended.has(waiter.id)) waiter.done();
    } catch (error) {
      // Without an answer the waiters go on, until their time is over.
      if (!(error instanceof UnavailableError)) log.error("Cannot ask what has ended", { error });
    }
    return this.#clock.monotonic() - startedAt;
  }
}
