/**
 * Takes due jobs: as many as there is room for, from the lanes whose turn it is.
 *
 * One claim is in flight at a time; what frees up meanwhile makes the next one larger. Jobs one
 * crash below their limit have a loop of their own: each runs alone in an idle process, so that the
 * one that kills it is known for sure.
 */
import { type Clock, jittered, type Random } from "../core/clock.ts";
import { UnknownResultError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import type {
  ClaimedJob,
  Hint,
  JobStore,
  Lane,
  LaneRequest,
  Suspect,
  WorkStore,
} from "../store/store.ts";
import { Alarm } from "./alarm.ts";
import { HandOff } from "./handoff.ts";
import type { Handlers } from "./handlers.ts";
import { LaneBook } from "./lane_book.ts";
import type { Leases } from "./leases.ts";
import type { Runner } from "./runner.ts";
import type { WorkerStats } from "./stats.ts";

const LANES_PER_CLAIM = 20;
const RECONNECT_MS = 100;
const RECONNECT_MS_MAX = 2_000;
/** A process that is busy lets a suspect wait this long for an idle one, each a little differently. */
const SUSPECT_PATIENCE_MS = 5_000;
/** Then it claims nothing until it is idle: first for this long, doubled each time in vain. */
const SUSPECT_DRAIN_MS = 5_000;
const SUSPECT_DRAIN_MS_MAX = 20 * 60_000;

/** What the claimer needs of its surroundings. */
export interface ClaimerHost {
  readonly store: WorkStore & Pick<JobStore, "enterStarted">;
  readonly clock: Clock;
  readonly random: Random;
  readonly worker: string;
  readonly handlers: Handlers;
  readonly queues: readonly string[] | null;
  readonly partitionKey: string | null;
  readonly pollMs: number;
  readonly leaseMs: number;
  readonly jobsMax?: number;
  readonly leases: Leases;
  readonly runner: Runner;
  readonly stats: WorkerStats;
  /** Everything that ended here has been committed. */
  readonly settled: () => Promise<void>;
  readonly onDatabase: (isOk: boolean) => void;
  readonly onFailure: (error: unknown) => void;
}

/** Claims jobs for one runner. */
export class Claimer {
  readonly #host: ClaimerHost;
  readonly #book: LaneBook;
  readonly #alarm = new Alarm();
  readonly #suspectAlarm = new Alarm();
  #lanesAt = -Infinity;
  #isPausedForSuspect = false;
  #isRoomAsked = false;
  /** The ordinary claim under way; never rejects. */
  #claiming: Promise<void> = Promise.resolve();
  /** Claims whose answer was lost, by lease: they may have been committed. */
  readonly #inDoubt = new Map<string, number>();
  #isStopping = false;
  #onQuiet: (() => void)[] = [];

  constructor(host: ClaimerHost) {
    this.#host = host;
    this.#book = new LaneBook(host.clock, host.random, host.pollMs);
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    await Promise.all([this.#claimLoop(), this.#suspectLoop()]);
  }

  /** Claims nothing more. A claim under way still comes in, and is handed back. */
  stop(): void {
    this.#isStopping = true;
    this.#alarm.ring();
    this.#suspectAlarm.ring();
  }

  /** Resolves when there is nothing to claim and nothing runs. */
  quiet(): Promise<void> {
    return new Promise((done) => this.#onQuiet.push(done));
  }

  /** Takes jobs that its own process has stored as claimed. */
  get handOff(): HandOff {
    const { store, clock, worker, leaseMs, runner } = this.#host;
    return new HandOff({
      ...{ store, clock, worker, leaseMs },
      reserve: (count) => !this.#isStopping && !this.#isPausedForSuspect && runner.reserve(count),
      release: (count) => runner.release(count),
      isIdle: (lane) => this.#serves(lane) && this.#book.isIdle(lane),
      accept: (jobs, leaseId, askedAt) => this.#accept(jobs, leaseId, askedAt),
      doubt: (leaseId, askedAt) => {
        this.#inDoubt.set(leaseId, askedAt);
        this.#alarm.ring();
      },
    });
  }

  /** A slot may be free. Looked at once for all that end together. */
  onRoom(): void {
    if (this.#isRoomAsked) return;
    this.#isRoomAsked = true;
    queueMicrotask(() => {
      this.#isRoomAsked = false;
      if (this.#host.runner.room() > 0) this.#alarm.ring();
    });
  }

  /** Jobs have arrived; null: nobody knows where. */
  onHint(hint: Hint | null): void {
    if (hint?.kind === "lanes" && hint.lanes.length > 0) {
      this.#book.wake(hint.lanes.filter((lane) => this.#serves(lane)));
    } else {
      this.#lanesAt = -Infinity;
      this.#book.wakeAll();
    }
    this.#alarm.ring();
  }

  /** A job of this process comes due again in `delayMs`. */
  wakeIn(job: ClaimedJob, delayMs: number): void {
    this.#book.wakeIn(job, delayMs);
    if (delayMs < this.#host.pollMs) this.#alarm.ring();
  }

  async #claimLoop(): Promise<void> {
    let failures = 0;
    while (!this.#isStopping) {
      try {
        await this.#settleDoubts();
        await this.#refreshLanes();
        const claiming = this.#claimOnce();
        this.#claiming = claiming.then(() => {}, () => {});
        if (!await claiming) {
          this.#tellQuiet();
          await this.#alarm.wait(this.#pauseMs());
        }
        failures = 0;
      } catch (error) {
        this.#host.onFailure(error);
        const pauseMs = Math.min(RECONNECT_MS_MAX, RECONNECT_MS * 2 ** failures++);
        await this.#alarm.wait(jittered(pauseMs, this.#host.random, 0.5));
      }
    }
    // What a lost claim may have taken is handed back now, not when its lease is over.
    await this.#settleDoubts().catch(() => {});
  }

  #tellQuiet(): void {
    if (this.#host.runner.load > 0 || this.#isPausedForSuspect) return;
    for (const done of this.#onQuiet.splice(0)) done();
  }

  /** False: nothing to do until the alarm rings or the next lane wakes. */
  async #claimOnce(): Promise<boolean> {
    const { clock, runner } = this.#host;
    const left = (this.#host.jobsMax ?? Infinity) - this.#host.stats.claimed;
    const limit = this.#isPausedForSuspect ? 0 : Math.min(runner.room(), left);
    const selection = limit > 0 ? this.#book.select(limit, LANES_PER_CLAIM) : null;
    if (selection === null) return false;
    const askedAt = clock.monotonic();
    try {
      const jobs = await this.#claim(selection.requests, limit, false);
      this.#book.settle(selection, jobs, limit, clock.monotonic() - askedAt);
    } catch (error) {
      this.#book.release(selection);
      throw error;
    }
    return true;
  }

  async #claim(lanes: readonly LaneRequest[], limit: number, alone: boolean) {
    const { store, worker, leaseMs, clock } = this.#host;
    // Begun before the claim is sent: our own idea of the lease can only end too early.
    const askedAt = clock.monotonic();
    const request = { leaseId: newId(), worker, leaseMs, limit, lanes, alone };
    this.#inDoubt.set(request.leaseId, askedAt);
    const jobs = await store.claim(request).catch((error) => {
      // Anything but a lost answer means that nothing was claimed.
      if (!(error instanceof UnknownResultError)) this.#inDoubt.delete(request.leaseId);
      throw error;
    });
    this.#inDoubt.delete(request.leaseId);
    this.#accept(jobs, request.leaseId, askedAt);
    return jobs;
  }

  #accept(jobs: readonly ClaimedJob[], leaseId: string, askedAt: number): void {
    const { leases, runner, stats } = this.#host;
    this.#onAnswer();
    if (jobs.length === 0) return;
    stats.claimed += jobs.length;
    leases.open(leaseId, jobs.length, askedAt);
    // Claimed by a statement that was under way when the stop came: nobody would stop their handlers.
    if (this.#isStopping) runner.handBack(jobs);
    else runner.accept(jobs);
  }

  /** Asks what became of claims whose answer was lost, until there is one or the lease is over. */
  async #settleDoubts(): Promise<void> {
    const { store, clock, leaseMs } = this.#host;
    for (const [leaseId, askedAt] of [...this.#inDoubt]) {
      const isOver = clock.monotonic() - askedAt > leaseMs;
      const jobs = isOver ? [] : await store.leased(leaseId);
      this.#inDoubt.delete(leaseId);
      this.#accept(jobs, leaseId, askedAt);
    }
  }

  async #refreshLanes(): Promise<void> {
    const { clock, pollMs, random, store } = this.#host;
    const askedAt = clock.monotonic();
    if (askedAt < this.#lanesAt) return;
    // A hint that comes while the list is being read asks for another.
    this.#lanesAt = Infinity;
    try {
      const lanes = await store.lanes();
      this.#onAnswer();
      this.#book.refresh(lanes.filter((lane) => this.#serves(lane)));
    } catch (error) {
      this.#lanesAt = -Infinity;
      throw error;
    }
    const pauseMs = Math.max(pollMs, 20 * (clock.monotonic() - askedAt));
    this.#lanesAt = Math.min(this.#lanesAt, askedAt + jittered(pauseMs, random));
  }

  #pauseMs(): number {
    const { clock, pollMs, runner } = this.#host;
    const now = clock.monotonic();
    // Without room the end of a job rings; with room the next lane or the next list is due.
    const isOpen = runner.room() > 0 && !this.#isPausedForSuspect;
    const next = isOpen ? this.#book.nextWakeAt() : Infinity;
    return Math.max(1, Math.min(next - now, this.#lanesAt - now, pollMs));
  }

  #onAnswer(): void {
    this.#host.onDatabase(true);
    this.#host.stats.lastClaimAt = this.#host.clock.monotonic();
  }

  #serves(lane: Lane): boolean {
    const { handlers, queues, partitionKey } = this.#host;
    return handlers.has(lane.type) && (queues === null || queues.includes(lane.queue)) &&
      (partitionKey === null || lane.partitionKey === partitionKey);
  }

  async #suspectLoop(): Promise<void> {
    const { clock, pollMs, random, runner, onFailure } = this.#host;
    let waitingSince = Infinity;
    let drainMs = SUSPECT_DRAIN_MS;
    while (!this.#isStopping) {
      try {
        const suspect = await this.#nextSuspect();
        waitingSince = suspect ? Math.min(waitingSince, clock.monotonic()) : Infinity;
        const hasWaited = clock.monotonic() - waitingSince >
          jittered(SUSPECT_PATIENCE_MS, random, 0.5);
        if (suspect && (runner.load === 0 || hasWaited)) {
          if (await this.#becomeIdle(drainMs) && await this.#runAlone(suspect)) {
            drainMs = SUSPECT_DRAIN_MS;
            continue;
          }
          drainMs = Math.min(2 * drainMs, SUSPECT_DRAIN_MS_MAX);
          waitingSince = clock.monotonic();
        }
      } catch (error) {
        onFailure(error);
      }
      this.#isPausedForSuspect = false;
      this.#alarm.ring();
      await this.#suspectAlarm.wait(jittered(pollMs, random));
    }
  }

  /** Claims nothing until nothing runs here; false when that takes too long, or needs not be. */
  async #becomeIdle(drainMs: number): Promise<boolean> {
    const { clock, pollMs, runner, settled } = this.#host;
    const until = clock.monotonic() + drainMs;
    this.#isPausedForSuspect = true;
    // A claim that is under way brings jobs as well.
    await this.#claiming;
    runner.giveBackBuffer();
    while (runner.load > 0) {
      if (this.#isStopping || clock.monotonic() > until) return false;
      await this.#suspectAlarm.wait(Math.min(pollMs, 100));
      // Somebody else may have taken it meanwhile.
      if (runner.load > 0 && !await this.#nextSuspect()) return false;
    }
    await settled();
    return true;
  }

  async #nextSuspect(): Promise<Suspect | undefined> {
    const { store, handlers, queues, partitionKey } = this.#host;
    const served = { types: [...handlers.keys()], queues, partitionKey };
    const [suspect] = await store.suspects(served, 1);
    return suspect;
  }

  /** Runs the suspect and nothing else. */
  async #runAlone({ lane, at }: Suspect): Promise<boolean> {
    if (this.#isStopping) return false;
    const jobs = await this.#claim([{ quantum: 1, levels: [{ lane, from: at }] }], 1, true);
    await this.#host.runner.idle();
    return jobs.length > 0;
  }
}
