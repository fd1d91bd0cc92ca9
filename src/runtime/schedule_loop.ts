/**
 * Fires schedules without end: when one comes due, or a run of one, or a unique job, may start after
 * another's end.
 */
import { type Clock, jittered, type Random } from "../core/clock.ts";
import type { NextSchedule, Store, TidyCursor } from "../store/store.ts";
import { Actors } from "./actors.ts";
import { Alarm } from "./alarm.ts";
import { fireDue, type FiringHost, startableOf } from "./firing.ts";
import type { Glance } from "./glance.ts";
import type { Handlers } from "./handlers.ts";
import { Intake } from "./intake.ts";
import type { RetryDefaults } from "./preparing.ts";
import type { Turner } from "./turner.ts";
import { releaseFollowers } from "./uniques.ts";

/** With something to do that others are doing, or that waits for another's end. */
const BUSY_PAUSE_MS = 250;
const UNIQUES_LOOKED_AT = 1_000;

/** What the loop needs. */
export interface ScheduleLoopHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly glance: Glance;
  readonly handlers: Handlers;
  readonly defaults: RetryDefaults;
  readonly pollMs: number;
  readonly turner?: Turner | undefined;
}

/** The schedules of one worker. */
export class ScheduleLoop {
  readonly #host: FiringHost & Pick<ScheduleLoopHost, "random" | "glance" | "pollMs">;
  readonly #alarm = new Alarm();
  #isStopping = false;
  #tidied: TidyCursor | null = null;

  constructor(host: ScheduleLoopHost) {
    const { store, clock, random, glance, handlers, defaults, pollMs, turner } = host;
    this.#host = {
      ...{ store, clock, random, glance, handlers, defaults, pollMs },
      intake: new Intake(host),
      actors: turner ? new Actors(turner.host, turner) : null,
      machines: turner?.machines.names ?? [],
    };
  }

  /** Runs until `stop`. */
  async run(onFailure: (error: unknown) => void): Promise<void> {
    while (!this.#isStopping) {
      const waitMs = await this.#once().catch((error: unknown) => {
        onFailure(error);
        return this.#host.glance.pauseMs;
      });
      await this.#alarm.wait(waitMs);
    }
  }

  stop(): void {
    this.#isStopping = true;
    this.#alarm.ring();
  }

  /** Milliseconds until the next look. */
  async #once(): Promise<number> {
    const { glance, random } = this.#host;
    if (!await glance.sees("schedules")) return glance.pauseMs;
    const { ms, waits } = await this.#next();
    if (ms === 0 || waits) {
      const moved = await this.#fireAll();
      return moved > 0 ? 0 : jittered(BUSY_PAUSE_MS, random, 0.5);
    }
    // A millisecond late rather than early.
    return Math.min((ms ?? Infinity) + 1, glance.pauseMs);
  }

  /** Milliseconds until something is to be fired, or may be; null: nothing is. */
  async nextDue(): Promise<number | null> {
    const { ms, waits } = await this.#next();
    return waits ? Math.min(ms ?? Infinity, this.#host.pollMs) : ms;
  }

  #next(): Promise<NextSchedule> {
    return this.#host.store.schedules.nextDue(startableOf(this.#host));
  }

  /** Fires what is due now. */
  fire(): Promise<number> {
    return this.#fireAll();
  }

  /** Forgets keys of unique jobs that nobody has; a bounded number is looked at. */
  async tidy(): Promise<void> {
    this.#tidied = await this.#host.store.uniques.tidy(this.#tidied, UNIQUES_LOOKED_AT);
  }

  async #fireAll(): Promise<number> {
    return await fireDue(this.#host) + await releaseFollowers(this.#host);
  }
}
