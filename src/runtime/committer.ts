/**
 * Brings endings home: batches of decisions, sent until the database has answered.
 *
 * Whatever was refused is looked at alone: a cancel request that came in is decided again, a row
 * the database will never take becomes a failure of that one job, a lost lease is logged and
 * counted, and its result dropped.
 */
import { getLogger } from "@logtape/logtape";
import { type Clock, jittered, type Random } from "../core/clock.ts";
import type { Backoff } from "../core/backoff.ts";
import { UnavailableError } from "../core/errors.ts";
import { describeError } from "../core/failure.ts";
import type { Change, ClaimedJob, Refusal, WorkStore } from "../store/store.ts";
import { Batcher } from "./batcher.ts";
import { changeOf, type Ending, permanent } from "./endings.ts";
import type { WorkerStats } from "./stats.ts";

const log = getLogger(["perdura", "worker"]);

const IN_FLIGHT_MAX = 3;
const BESIDE = { min: 64, ms: 50 };
const PAUSE_MS = 200;
/** An ending alone costs as much as twenty together; nobody but its own waiter waits for it. */
const GATHER_MS = 3;

/** An ended attempt on its way to the database. */
export interface Outcome {
  readonly claimed: ClaimedJob;
  readonly ending: Ending;
  readonly backoff: Backoff;
  readonly cancelRequested: boolean;
}

/** What the committer needs of its surroundings. */
export interface CommitterHost {
  readonly store: WorkStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly worker: string;
  readonly stats: WorkerStats;
  readonly batchSize: number;
  /** Many handlers run: more endings are near. */
  readonly isBusy: () => boolean;
  /** The database has taken it; or it has not, and why. */
  readonly onDatabase: (failure: UnavailableError | null) => void;
  /** The job is no longer ours; `change` is null when its lease was lost. */
  readonly onSettled: (claimed: ClaimedJob, change: Change | null) => void;
}

/** Commits outcomes. */
export class Committer {
  readonly #host: CommitterHost;
  readonly #batcher: Batcher<Outcome>;
  #isGivingUp = false;

  constructor(host: CommitterHost) {
    this.#host = host;
    this.#batcher = new Batcher({
      send: (batch) => this.#send(batch),
      sizeMax: host.batchSize,
      inFlightMax: IN_FLIGHT_MAX,
      beside: BESIDE,
      gather: () => host.isBusy() ? GATHER_MS : 0,
    });
  }

  add(outcome: Outcome): void {
    this.#batcher.add(outcome);
  }

  drained(): Promise<void> {
    return this.#batcher.drained();
  }

  /** Stop trying to reach a database that is away: the leases expire, the sweeper takes over. */
  giveUp(): void {
    this.#isGivingUp = true;
  }

  async #send(batch: Outcome[]): Promise<void> {
    try {
      await this.#sendBatch(batch);
    } catch (error) {
      log.error("A batch of outcomes was dropped: its leases will expire", { error });
      for (const outcome of batch) this.#host.onSettled(outcome.claimed, null);
    }
  }

  async #sendBatch(batch: Outcome[]): Promise<void> {
    const at = new Date(this.#host.clock.now());
    const changes = batch.map(({ claimed, ending, backoff, cancelRequested }) =>
      changeOf(claimed, ending, { cancelRequested, backoff, at })
    );
    const refusals = await this.#commit(changes);
    const refused = new Map(refusals?.map((refusal) => [refusal.change, refusal]));
    batch.forEach((outcome, index) => {
      const change = changes[index] ?? null;
      const refusal = change && refused.get(change);
      if (refusal) this.#afterRefusal(outcome, refusal);
      else this.#host.onSettled(outcome.claimed, refusals === null ? null : change);
    });
  }

  /** Null: not committed, and no longer tried. */
  async #commit(changes: Change[]): Promise<readonly Refusal[] | null> {
    while (true) {
      const sentAt = this.#host.clock.monotonic();
      try {
        const refusals = await this.#host.store.commit(this.#host.worker, changes);
        this.#host.stats.commitTime.observe((this.#host.clock.monotonic() - sentAt) / 1000);
        this.#host.onDatabase(null);
        return refusals;
      } catch (error) {
        if (!(error instanceof UnavailableError)) {
          log.error("Outcomes could not be committed", { error, jobs: changes.length });
          return null;
        }
        this.#host.onDatabase(error);
        if (this.#isGivingUp) return null;
        await new Promise((done) => setTimeout(done, jittered(PAUSE_MS, this.#host.random, 0.5)));
      }
    }
  }

  #afterRefusal(outcome: Outcome, refusal: Refusal): void {
    const { claimed } = outcome;
    if (refusal.reason === "cancel") {
      this.#batcher.add({ ...outcome, cancelRequested: true });
    } else if (refusal.reason === "refused" && outcome.ending.kind === "succeeded") {
      const at = new Date(this.#host.clock.now());
      const error = { ...describeError(refusal.message, at), code: "refused_by_database" };
      this.#batcher.add({ ...outcome, ending: permanent(error) });
    } else {
      this.#host.stats.fenced++;
      this.#host.stats.jobs.of(claimed).fenced++;
      log.warn("Late write refused: the lease was lost", {
        jobId: claimed.id,
        tenantId: claimed.tenantId,
        type: claimed.type,
        version: claimed.version,
        ending: outcome.ending.kind,
        reason: refusal.reason,
      });
      this.#host.onSettled(claimed, null);
    }
  }
}
