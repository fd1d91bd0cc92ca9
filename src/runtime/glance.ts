/**
 * What a worker with nothing to do asks instead of all its questions: whether there is anything to ask
 * about. Loops whose pauses end at the same moment share one answer.
 */
import type { Clock } from "../core/clock.ts";
import type { Hint, Sight, WorkStore } from "../store/store.ts";

/** Loops that were woken by the same moment come within this time. */
const SHARED_MS = 50;
/**
 * What a look for jobs and mail has found stands for so many times what it took the database, and for so many polls
 * at most: behind a snapshot that somebody holds it walks over all that has ended since.
 */
const SHARE = 20;
const STANDS_POLLS = 5;
const NOT_LOOKED = { is: false, until: -Infinity };

/** How many of each a worker has taken so far. */
export interface Taken {
  readonly jobs: number;
  readonly mail: number;
}

/** What glances need of a worker. */
export interface GlanceHost {
  readonly store: Pick<WorkStore, "glance">;
  readonly clock: Clock;
  readonly pollMs: number;
}

/** The glances of one worker. */
export class Glance {
  readonly #store: Pick<WorkStore, "glance">;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #sharedMs: number;
  readonly #taken: () => Taken;
  /** What had been taken at the last look, and when there was last known to be some. */
  #before: Taken = { jobs: 0, mail: 0 };
  readonly #grewAt = { jobs: -Infinity, mail: -Infinity };
  /** What the last look for them found, and until when that stands. */
  #found = { jobs: NOT_LOOKED, mail: NOT_LOOKED };
  #sight: Promise<Sight> | null = null;
  #askedAt = -Infinity;
  #hints = 0;

  /** @param taken Where that has grown since the last poll, there is some. */
  constructor(host: GlanceHost, taken: () => Taken = () => ({ jobs: 0, mail: 0 })) {
    this.#store = host.store;
    this.#clock = host.clock;
    this.#pollMs = host.pollMs;
    this.#taken = taken;
    this.#sharedMs = Math.min(SHARED_MS, host.pollMs / 4);
  }

  /** Milliseconds until the moment, once per `pollMs`, at which all loops look again. */
  get pauseMs(): number {
    // Counted from the start of the process: so processes are not in step.
    const leftMs = this.#pollMs - this.#clock.monotonic() % this.#pollMs;
    // Woken a little before the moment, this one has been kept; whoever was late waits no second one.
    return leftMs < this.#sharedMs ? leftMs + this.#pollMs : leftMs;
  }

  /**
   * Whether there is any, for what a hint brings in a hurry: yes at once, when one comes during the glance.
   * Rejects as the store does.
   */
  async maySee(what: "jobs" | "mail"): Promise<boolean> {
    const sight = await this.#look();
    return sight === null || sight[what];
  }

  /**
   * Whether there is any; after a hint that comes during the glance, by another one: whatever it tells of, the
   * questions of all loops would cost more. Rejects as the store does.
   */
  async sees(what: Exclude<keyof Sight, "gateChange" | "tookMs">): Promise<boolean> {
    const sight = await this.#look() ?? await this.#look();
    return sight === null || sight[what];
  }

  /** The number of the last change of gates; null: there may be a newer one. Rejects as the store does. */
  async gateChange(): Promise<string | null> {
    return (await this.#look())?.gateChange ?? null;
  }

  /** Null: a hint that came meanwhile tells of something that may not have been seen. */
  async #look(): Promise<Sight | null> {
    const now = this.#clock.monotonic();
    if (!this.#sight || now - this.#askedAt > this.#sharedMs) {
      this.#askedAt = now;
      this.#sight = this.#ask();
    }
    const sight = this.#sight;
    const hints = this.#hints;
    try {
      const seen = await sight;
      return this.#hints === hints ? seen : null;
    } catch (error) {
      if (this.#sight === sight) this.#sight = null;
      throw error;
    }
  }

  async #ask(): Promise<Sight> {
    const askedAt = this.#clock.monotonic();
    this.#noteTaken(askedAt);
    const known = { jobs: this.#known("jobs", askedAt), mail: this.#known("mail", askedAt) };
    const hints = this.#hints;
    const sight = await this.#store.glance(known);
    // It may have begun before what a hint tells of.
    if (hints !== this.#hints) return sight;
    const until = askedAt + Math.min(SHARE * (sight.tookMs ?? 0), STANDS_POLLS * this.#pollMs);
    if (known.jobs === null) this.#found.jobs = { is: sight.jobs, until };
    if (known.mail === null) this.#found.mail = { is: sight.mail, until };
    return sight;
  }

  #noteTaken(now: number): void {
    const [before, taken] = [this.#before, this.#taken()];
    this.#before = taken;
    for (const what of ["jobs", "mail"] as const) {
      if (taken[what] > before[what]) this.#noteSome(what, now);
    }
  }

  /** There are some now: what a look has found before does not stand any more. */
  #noteSome(what: keyof Taken, now: number): void {
    this.#grewAt[what] = now;
    this.#found[what] = NOT_LOOKED;
  }

  /** Null: that is to be looked for. */
  #known(what: "jobs" | "mail", now: number): boolean | null {
    if (now - this.#grewAt[what] < this.#pollMs) return true;
    const { is, until } = this.#found[what];
    return now < until ? is : null;
  }

  /** There may be something new, by a hint of some: what was seen may be older than that. */
  forget(some?: Hint["kind"]): void {
    this.#hints++;
    this.#sight = null;
    if (some === "mail") this.#noteSome("mail", this.#clock.monotonic());
    if (some === "lanes") this.#noteSome("jobs", this.#clock.monotonic());
  }

  /** There may be anything: hints may have been missed. */
  forgetAll(): void {
    this.forget();
    this.#found = { jobs: NOT_LOOKED, mail: NOT_LOOKED };
  }
}
