/**
 * Jobs one crash below their limit: each runs alone in an idle process, so that the one that kills it
 * is known for sure.
 */
import { type Clock, jittered, type Random } from "../core/clock.ts";
import type { Lane, Suspect, WorkStore } from "../store/store.ts";
import { Alarm } from "./alarm.ts";
import type { Glance } from "./glance.ts";
import type { LaneList } from "./lane_list.ts";
import type { Runner } from "./runner.ts";

/** Those whose lanes are closed now are passed over. */
const LOOKED_AT = 20;
/** A process that is busy lets a suspect wait this long for an idle one, each a little differently. */
const PATIENCE_MS = 5_000;
/** Then it claims nothing until it is idle: first for this long, doubled each time in vain. */
const DRAIN_MS = 5_000;
const DRAIN_MS_MAX = 20 * 60_000;

/** What running suspects needs. */
export interface SuspectsHost {
  readonly store: WorkStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly lanes: Pick<LaneList, "served" | "serves">;
  readonly pollMs: number;
  readonly runner: Runner;
  /** The ordinary claim under way; never rejects. */
  readonly claimed: () => Promise<void>;
  /** True: it was taken, and runs. */
  readonly claimAlone: (suspect: Suspect) => Promise<boolean>;
  /** Whether it is worth while to ask a lane. */
  readonly isOpen: (lane: Lane) => boolean;
  readonly glance: Glance;
  /** Ordinary claims may go on. */
  readonly onDrained: () => void;
  /** Everything that ended here has been committed. */
  readonly settled: () => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

/** The suspects of one process. */
export class Suspects {
  readonly #host: SuspectsHost;
  readonly #alarm = new Alarm();
  #isDraining = false;
  #isStopping = false;

  constructor(host: SuspectsHost) {
    this.#host = host;
  }

  /** Nothing else may be claimed. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  stop(): void {
    this.#isStopping = true;
    this.#alarm.ring();
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { clock, glance, random, runner, onFailure, onDrained } = this.#host;
    let waitingSince = Infinity;
    let drainMs = DRAIN_MS;
    while (!this.#isStopping) {
      try {
        const suspect = await glance.sees("suspects") ? await this.#next() : undefined;
        waitingSince = suspect ? Math.min(waitingSince, clock.monotonic()) : Infinity;
        const hasWaited = clock.monotonic() - waitingSince > jittered(PATIENCE_MS, random, 0.5);
        if (suspect && (runner.load === 0 || hasWaited)) {
          if (await this.#becomeIdle(drainMs) && await this.#runAlone(suspect)) {
            drainMs = DRAIN_MS;
            continue;
          }
          drainMs = Math.min(2 * drainMs, DRAIN_MS_MAX);
          waitingSince = clock.monotonic();
        }
      } catch (error) {
        onFailure(error);
      }
      this.#isDraining = false;
      onDrained();
      await this.#alarm.wait(glance.pauseMs);
    }
  }

  /** Claims nothing until nothing runs here; false when that takes too long, or needs not be. */
  async #becomeIdle(drainMs: number): Promise<boolean> {
    const { clock, pollMs, runner, settled, claimed } = this.#host;
    const until = clock.monotonic() + drainMs;
    this.#isDraining = true;
    // A claim that is under way brings jobs as well.
    await claimed();
    runner.giveBackBuffer();
    while (runner.load > 0) {
      if (this.#isStopping || clock.monotonic() > until) return false;
      await this.#alarm.wait(Math.min(pollMs, 100));
      // Somebody else may have taken it meanwhile.
      if (runner.load > 0 && !await this.#next()) return false;
    }
    await settled();
    return true;
  }

  async #next(): Promise<Suspect | undefined> {
    const { store, lanes, isOpen } = this.#host;
    const suspects = await store.suspects(lanes.served, LOOKED_AT);
    return suspects.find(({ lane }) => lanes.serves(lane) && isOpen(lane));
  }

  /** Runs the suspect and nothing else. */
  async #runAlone(suspect: Suspect): Promise<boolean> {
    if (this.#isStopping) return false;
    const isTaken = await this.#host.claimAlone(suspect);
    await this.#host.runner.idle();
    return isTaken;
  }
}
