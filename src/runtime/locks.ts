/**
 * `context.lock`: one holder at a time, as long as it lives.
 *
 * A lock is a lease row: renewed while its attempt runs, given back at its end, over by itself when its
 * process is gone. Whoever was away for too long has lost it, and its signal fires; what it writes elsewhere
 * under its token is older than the next holder's, and can be refused by that (M. Kleppmann, "How to do
 * distributed locking", 2016).
 */
import { z } from "zod";
import { type Clock, jittered, systemRandom } from "../core/clock.ts";
import { LockTakenError, PermanentError } from "../core/errors.ts";
import { nameSchema } from "../core/forms.ts";
import { limits } from "../core/limits.ts";
import type { LockHolder, LockName, LockStore } from "../store/store.ts";

const TTL_MS = 30_000;
const TRY_MS = 100;

const optionsSchema = z.strictObject({
  ttlMs: z.int().min(limits.lockTtlMsMin).max(limits.timeoutMsMax).default(TTL_MS),
  waitMs: z.int().min(0).max(limits.timeoutMsMax).default(0),
});

/** How to take a lock. */
export type LockOptions = z.input<typeof optionsSchema>;

/** A lock that this attempt holds. `await using` gives it back. */
export interface Lock extends AsyncDisposable {
  readonly name: string;
  /** Higher than that of every earlier holder. Send it along to what the lock protects. */
  readonly token: number;
  /** Fires when the lock is lost, or the attempt is to stop. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

/** What locks need. */
export interface LocksHost {
  readonly store: LockStore;
  readonly clock: Clock;
}

/** The locks of one attempt. */
export class Locks {
  readonly #host: LocksHost;
  readonly #holder: LockHolder;
  readonly #signal: AbortSignal;
  readonly #held = new Set<HeldLock>();

  constructor(host: LocksHost, holder: LockHolder, signal: AbortSignal) {
    this.#host = host;
    this.#holder = holder;
    this.#signal = signal;
  }

  /**
   * Takes a lock of the tenant.
   *
   * @throws {LockTakenError} Somebody else has held it for `waitMs`.
   * @throws {PermanentError} This attempt has: it would wait for itself, however often it is run again.
   * @throws {z.ZodError} The name or an option is not one.
   */
  async take(name: string, options: LockOptions = {}): Promise<Lock> {
    nameSchema.parse(name);
    const { ttlMs, waitMs } = optionsSchema.parse(options);
    const { store, clock } = this.#host;
    const deadline = clock.monotonic() + waitMs;
    while (true) {
      this.#signal.throwIfAborted();
      const askedAt = clock.monotonic();
      const token = await store.take(this.#holder, name, ttlMs);
      if (token !== null) return this.#hold(name, token, ttlMs, askedAt);
      const left = deadline - clock.monotonic();
      if (left <= 0) throw this.#refusal(name);
      await new Promise((done) => setTimeout(done, Math.min(left, jittered(TRY_MS, systemRandom))));
    }
  }

  /** The attempt has ended. A handler that goes on nevertheless keeps its locks until they are over. */
  end(isAbandoned: boolean): void {
    for (const lock of this.#held) {
      if (isAbandoned) lock.lose();
      else void lock.release();
    }
  }

  #refusal(name: string): Error {
    const isOurs = [...this.#held].some((lock) => lock.name === name && !lock.isOver);
    return isOurs
      ? new PermanentError(`This attempt holds lock "${name}" already`)
      : new LockTakenError(name);
  }

  #hold(name: string, token: number, ttlMs: number, askedAt: number): Lock {
    const lock = { tenantId: this.#holder.tenantId, name, token };
    const held = new HeldLock(this.#host, lock, ttlMs, askedAt, this.#signal);
    this.#held.add(held);
    return held;
  }
}

class HeldLock implements Lock {
  readonly name: string;
  readonly token: number;
  readonly signal: AbortSignal;
  readonly #host: LocksHost;
  readonly #lock: LockName;
  readonly #ttlMs: number;
  readonly #lost = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  /** By our own clock, begun before it was taken: it can only end too early. */
  #heldUntil: number;
  #isOver = false;

  constructor(
    host: LocksHost,
    lock: LockName,
    ttlMs: number,
    askedAt: number,
    signal: AbortSignal,
  ) {
    this.name = lock.name;
    this.token = lock.token;
    this.#host = host;
    this.#lock = lock;
    this.#ttlMs = ttlMs;
    this.#heldUntil = askedAt + ttlMs;
    this.signal = AbortSignal.any([this.#lost.signal, signal]);
    this.#timer = setInterval(() => void this.#renew(), ttlMs / 3);
  }

  /** Given back or lost. */
  get isOver(): boolean {
    return this.#isOver;
  }

  async release(): Promise<void> {
    if (this.#isOver) return;
    this.#stop();
    // Not given back: it is over by itself. What was done under it has been done.
    await this.#host.store.release(this.#lock).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  lose(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#lost.abort(new DOMException(`Lock "${this.name}" is lost`, "AbortError"));
  }

  async #renew(): Promise<void> {
    const askedAt = this.#host.clock.monotonic();
    // Nobody has answered for so long: somebody else may have it by now.
    if (askedAt >= this.#heldUntil) return this.lose();
    try {
      if (await this.#host.store.renew(this.#lock, this.#ttlMs)) {
        this.#heldUntil = askedAt + this.#ttlMs;
      } else this.lose();
    } catch {
      // The database is away: what is left of the time decides.
    }
  }

  #stop(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }
}
