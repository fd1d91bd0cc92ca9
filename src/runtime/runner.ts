/**
 * Handlers at once, and a short buffer of claimed jobs in front of them.
 *
 * The buffer holds at most what the process finished in the last 50 ms, of jobs with limits less where
 * slots are short (claim_time.ts): it is empty for slow jobs and full for fast ones. A job that has
 * crashed a worker is never buffered, and nothing is held longer than a second: it goes back, its attempt
 * refunded.
 */
import type { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { GRACE_MS } from "../core/limits.ts";
import type { ClaimedJob, Store, WorkStore } from "../store/store.ts";
import { Attempt, type AttemptHost } from "./attempt.ts";
import { stopEnded } from "./ended_elsewhere.ts";
import {
  type Ending,
  endingOfThrow,
  interrupted,
  type Interruption,
  type StopReason,
} from "./endings.ts";
import { growths } from "./growth.ts";
import type { Handlers } from "./handlers.ts";
import type { Leases } from "./leases.ts";
import { Running } from "./running.ts";
import { MemberDesk } from "./members.ts";
import type { RetryDefaults } from "./preparing.ts";
import { Pace } from "./pace.ts";
import type { WorkerStats } from "./stats.ts";
import { StepSaver } from "./step_saver.ts";

const TICK_MS = 50;
/** So much may wait in the buffer, as time at the pace of late. */
const AHEAD_MS = 50;
const UNSETTLED_BATCHES_MAX = 4;
const HELD_MS_MAX = 1_000;
/** Longer than a lane sleeps by default. */
const WITHOUT_BUFFER_MS = 2_500;
/** After its timeout a handler may take this long to notice; then its slot is given away. */
const TIMEOUT_GRACE_MS = 1_000;

/** What the runner needs of its surroundings. */
export interface RunnerHost {
  readonly store: WorkStore & Pick<Store, "files" | "get" | "locks" | "logs" | "members" | "hint">;
  readonly clock: Clock;
  readonly worker: string;
  readonly handlers: Handlers;
  readonly leases: Leases;
  readonly stats: WorkerStats;
  readonly concurrency: number;
  readonly batchSize: number;
  readonly backoff: Backoff;
  /** Limits of jobs that name none. */
  readonly defaults: RetryDefaults;
  /** The ending of a job to commit; null when there is nothing to write. */
  readonly onEnding: (claimed: ClaimedJob, ending: Ending | null, attempt: Attempt | null) => void;
}

/** Runs claimed jobs. */
export class Runner {
  readonly #host: RunnerHost;
  readonly #attempts: AttemptHost;
  readonly #running = new Running<Attempt>();
  #buffer: ClaimedJob[] = [];
  #head = 0;
  #heldSince = 0;
  #isPumping = false;
  /** Handlers kept free for jobs that are being stored. */
  #reserved = 0;
  /** Handlers of jobs that have ended, kept for what follows them. */
  #kept = 0;
  /** A job that crashed a worker came back unstarted: until then, claims ask for free slots alone. */
  #withoutBufferUntil = -Infinity;
  readonly #pace = new Pace();
  /** Monotonic instant of the last end that a handler came to by itself. */
  #endedAt = -Infinity;
  #onIdle: (() => void)[] = [];
  /** Ticks only while there is something to look at: a worker with nothing to do shall cost nothing. */
  #ticker: ReturnType<typeof setInterval> | null = null;

  constructor(host: RunnerHost) {
    this.#host = host;
    const grow = growths(host.backoff);
    this.#attempts = {
      store: host.store,
      steps: new StepSaver(host.store),
      files: host.store.files,
      logs: host.store.logs,
      members: new MemberDesk(host),
      clock: host.clock,
      worker: host.worker,
      backoffOf: (job, policy) => job.backoff ?? grow(policy),
      onEnd: (ended, ending) => this.#onEnd(ended, ending),
    };
  }

  /** Handlers that run. */
  get running(): number {
    return this.#running.size;
  }

  /** Jobs that run, are about to, or wait in the buffer. */
  get load(): number {
    return this.#running.size + this.#kept + this.#buffer.length - this.#head;
  }

  /** Handlers that could start at this moment. */
  free(): number {
    return this.#freeWith(0);
  }

  /** Jobs that may be claimed beyond the free handlers: what ends here within that time. */
  #ahead(ms: number): number {
    const now = this.#host.clock.monotonic();
    return now > this.#withoutBufferUntil ? this.#pace.within(ms, now) : 0;
  }

  #freeWith(soon: number): number {
    const { concurrency, batchSize, stats } = this.#host;
    // Endings that the database has not taken yet are held in memory: no more of them.
    if (stats.unsettled > UNSETTLED_BATCHES_MAX * batchSize) return 0;
    return Math.max(0, Math.min(concurrency + soon - this.load - this.#reserved, batchSize));
  }

  /**
   * How many jobs to claim now: for the handlers that are free, or will be within that time. 0 while there is
   * still enough at hand.
   */
  room(aheadMs: number = AHEAD_MS): number {
    const ahead = Math.min(this.#ahead(aheadMs), this.#host.batchSize);
    const room = this.#freeWith(ahead);
    // Claims come in half-buffers, so that each carries many jobs.
    return room >= Math.max(1, ahead >> 1) ? room : 0;
  }

  /** Keeps handlers free for `count` jobs to come; false: there are not so many. */
  reserve(count: number): boolean {
    if (this.load + this.#reserved + count > this.#host.concurrency) return false;
    this.#reserved += count;
    return true;
  }

  /** Keeps what handlers are free for jobs to come, at most `count`. Gives how many those are. */
  reserveUpTo(count: number): number {
    const kept = Math.min(count, this.free());
    this.#reserved += kept;
    return kept;
  }

  /** Ends a reservation: the jobs are there by now, or will not come. */
  release(count: number): void {
    this.#reserved -= count;
  }

  /** Keeps the handler of a job that has just ended: what waits in the buffer does not get it. */
  keep(): boolean {
    if (this.#running.size + this.#kept >= this.#host.concurrency) return false;
    this.#kept++;
    return true;
  }

  /** Gives kept handlers to these jobs, and what is left of them to the buffer. */
  unkeep(count: number, jobs: readonly ClaimedJob[] = []): void {
    this.#kept -= count;
    const wasPumping = this.#isPumping;
    this.#isPumping = true;
    for (const job of jobs) this.#start(job, this.#host.clock.monotonic());
    // What ended before these made no room for what is claimed.
    this.#pace.forget(jobs.length);
    this.#isPumping = wasPumping;
    this.#pump();
    this.#tellIdle();
  }

  /** Takes over the jobs of one claim. */
  accept(jobs: readonly ClaimedJob[]): void {
    this.#buffer = this.#buffer.slice(this.#head).concat([...jobs].sort(inClaimOrder));
    this.#head = 0;
    this.#heldSince = this.#host.clock.monotonic();
    this.#pump();
    this.#beginTicks();
    // Among fast jobs it would go back and forth until the backlog is gone: so no buffer for a
    // while, until it, being the first in its lane, has come again and finds a slot.
    if (this.#buffer.slice(this.#head).some(hasCrashed)) {
      this.#withoutBufferUntil = this.#heldSince + WITHOUT_BUFFER_MS;
      this.#giveBack("not_started", hasCrashed);
    }
  }

  /** Asks handlers to stop. @param lost How they end where their lease is lost. */
  stop(reason: StopReason, matches = (_: Attempt) => true, lost?: Ending | null): void {
    for (const attempt of this.#running) if (matches(attempt)) attempt.stop(reason, lost);
  }

  /** Somebody says that these have ended: see `stopEnded`. */
  endedElsewhere(jobIds: readonly string[]): Promise<void> {
    return stopEnded(this.#host.store, this.#running, jobIds);
  }

  /** Hands back jobs that came when nothing is to be started any more. */
  handBack(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) this.#host.onEnding(job, interrupted("shutdown"), null);
  }

  /** Hands back what waits in the buffer. */
  giveBackBuffer(cause: Interruption = "not_started"): void {
    this.#giveBack(cause, () => true);
  }

  /** Ends the attempts that are still running, without their handlers. */
  abandonAll(): void {
    for (const attempt of this.#running) attempt.abandon(interrupted("shutdown"));
  }

  /** Jobs of these leases are no longer ours. Gives how many there were. */
  loseLeases(leaseIds: readonly string[], cause: Interruption): number {
    const before = this.load;
    const lost = new Set(leaseIds);
    this.#giveBack(cause, (job) => lost.has(job.leaseId));
    this.stop("lease_lost", ({ claimed }) => lost.has(claimed.leaseId), interrupted(cause));
    return before - this.load;
  }

  cancel(jobIds: readonly string[]): void {
    const ids = new Set(jobIds);
    this.stop("cancel", (attempt) => ids.has(attempt.claimed.id));
  }

  /** Nothing is timed any more. */
  close(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.#ticker = null;
  }

  /** Timeouts, graces, and jobs held too long. */
  #tick(): void {
    if (this.load === 0) this.close();
    const now = this.#host.clock.monotonic();
    for (const attempt of this.#running) {
      if (attempt.stopReason === null && now >= attempt.timeoutAt) attempt.stop("timeout");
      this.#abandonWhenOverdue(attempt);
    }
    this.#pace.turn(now);
    if (now - this.#heldSince > HELD_MS_MAX) this.giveBackBuffer();
  }

  /** After the start: what has ended at once needs none, and nobody waits for it. */
  #beginTicks(): void {
    if (this.load > 0) this.#ticker ??= setInterval(() => this.#tick(), TICK_MS);
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    if (this.load > 0) await new Promise<void>((done) => this.#onIdle.push(done));
  }

  #pump(): void {
    // A job that ends at once pumps again from within its start: not one level deeper for each.
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { concurrency } = this.#host;
    const mayStart = () => this.#running.size + this.#kept < concurrency;
    // A job that has ended at once has read the clock for the next one.
    let now: number | null = null;
    while (this.#head < this.#buffer.length && mayStart()) {
      const job = this.#buffer[this.#head++];
      const before = this.#endedAt;
      if (job) this.#start(job, now ?? this.#host.clock.monotonic());
      now = this.#endedAt === before ? null : this.#endedAt;
    }
    this.#isPumping = false;
    if (this.#head === this.#buffer.length) {
      this.#buffer = [];
      this.#head = 0;
    }
    this.#host.stats.running = this.#running.size;
    this.#host.stats.buffered = this.#buffer.length - this.#head;
  }

  /** @param now monotonic */
  #start(job: ClaimedJob, now: number): void {
    const { handlers, leases, onEnding, clock, stats } = this.#host;
    const handler = handlers.get(job.type);
    // A lane of another type with the same key (one in 2^64), or no time left on the lease.
    if (!handler || !leases.isHeld(job.leaseId, now)) {
      onEnding(job, interrupted(handler ? "lease_lost" : "no_handler"), null);
      return;
    }
    const attempt = new Attempt(job, handler, now, this.#attempts);
    this.#running.add(attempt);
    stats.jobs.started(job, clock.now());
    attempt.run();
    this.#beginTicks();
  }

  #onEnd(attempt: Attempt, ending: Ending | null): void {
    this.#running.delete(attempt);
    this.#pace.note();
    const { clock, stats } = this.#host;
    const now = clock.monotonic();
    // One that was given up on may have kept the thread since.
    if (!attempt.isAbandoned) this.#endedAt = now;
    stats.jobs.ended(attempt.claimed, (now - attempt.startedAt) / 1000);
    this.#host.onEnding(attempt.claimed, ending, attempt);
    this.#pump();
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.load === 0) { for (const done of this.#onIdle.splice(0)) done(); }
  }

  #abandonWhenOverdue(attempt: Attempt): void {
    if (attempt.isAbandoned) return;
    const { stopReason, stoppingForMs } = attempt;
    if (stopReason === "timeout" && stoppingForMs > TIMEOUT_GRACE_MS) {
      this.#host.stats.abandoned++;
      const at = new Date(this.#host.clock.now());
      const ending = endingOfThrow(attempt.timeoutError(), attempt.handler.retry, at);
      attempt.abandon(ending);
    } else if (stopReason === "cancel" && stoppingForMs > GRACE_MS) {
      this.#host.stats.abandoned++;
      attempt.abandon({ kind: "cancelled" });
    }
  }

  #giveBack(cause: Interruption, matches: (job: ClaimedJob) => boolean): void {
    const waiting = this.#buffer.slice(this.#head);
    if (!waiting.some(matches)) return;
    this.#buffer = waiting.filter((job) => !matches(job));
    this.#head = 0;
    for (const job of waiting) {
      if (matches(job)) this.#host.onEnding(job, interrupted(cause), null);
    }
    this.#tellIdle();
  }
}

function hasCrashed(job: ClaimedJob): boolean {
  return job.crashes > 0;
}

/** Jobs that have crashed a worker first: they start at once or go back. */
function inClaimOrder(a: ClaimedJob, b: ClaimedJob): number {
  const byRank = b.crashes - a.crashes || a.priority - b.priority;
  if (byRank !== 0) return byRank;
  if (a.runAt !== b.runAt) return a.runAt < b.runAt ? -1 : 1;
  // No two of them are the same.
  return a.id < b.id ? -1 : 1;
}
