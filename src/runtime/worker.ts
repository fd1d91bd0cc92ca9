/**
 * A worker process: claims what is due, runs it, brings the endings home, renews its leases,
 * sweeps, and hands everything back when it is told to stop.
 */
import { getLogger } from "@logtape/logtape";
import { jittered } from "../core/clock.ts";
import { UnavailableError } from "../core/errors.ts";
import { isTerminal } from "../core/lifecycle.ts";
import { newId } from "../core/id.ts";
import type { Change, ClaimedJob, Hint, Served } from "../store/store.ts";
import { Alarm } from "./alarm.ts";
import type { Attempt } from "./attempt.ts";
import { Claimer } from "./claimer.ts";
import { Committer } from "./committer.ts";
import { type Ending, type Interruption, judgementOf } from "./endings.ts";
import { Glance } from "./glance.ts";
import type { HandOff } from "./handoff.ts";
import { emptyInbox } from "./inbox.ts";
import { Leases } from "./leases.ts";
import { Pulse } from "./pulse.ts";
import { isMember } from "./members.ts";
import type { RelayWorker } from "./relay_end.ts";
import { Runner } from "./runner.ts";
import { WorkerStats } from "./stats.ts";
import { ScheduleLoop } from "./schedule_loop.ts";
import { sweep } from "./sweeper.ts";
import { TurnLoop } from "./turn_loop.ts";
import { WATCH_MS } from "./waiting.ts";
import { WorkerLife } from "./worker_life.ts";
import { withRetries, type WorkerOptions } from "./worker_options.ts";
import { deadlines, within } from "./within.ts";

const log = getLogger(["perdura", "worker"]);

/** Handlers at once. */
const BUSY_ABOVE = 16;

export type { WorkerOptions };

/** A running worker. `start` once, `stop` once. */
export class Worker {
  /** Unique per start: never reused as an owner of leases. */
  readonly id: string = newId();
  readonly stats: WorkerStats = new WorkerStats();
  readonly #options: ReturnType<typeof withRetries<WorkerOptions>>;
  readonly #life = new WorkerLife();
  /** Resolves when `stop` has come to its end. */
  readonly stopped: Promise<void> = this.#life.stopped.promise;
  readonly #leases: Leases;
  readonly #committer: Committer;
  readonly #runner: Runner;
  readonly #claimer: Claimer;
  readonly #pulse: Pulse;
  readonly #turns: TurnLoop | null;
  readonly #schedules: ScheduleLoop;
  readonly #sweepAlarm = new Alarm();
  readonly #inboxAlarm = new Alarm();
  /** Not the worker's own: only the runner of a version may write the next one under its name. */
  readonly #sweeperId = newId();
  #timers: ReturnType<typeof setInterval>[] = [];
  #loops: Promise<void> = Promise.resolve();
  #isStopping = false;
  /** Turns that were committed with the end of an activity. */
  #relayed = 0;
  /** Somebody waits for jobs until then: tell which ones end. */
  #watchedUntil = -Infinity;
  /** Ends the hints, as soon as they have begun. */
  #stopHints: Promise<() => Promise<void>> = Promise.resolve(() => Promise.resolve());
  #stopRelays = () => {};
  readonly #relaying: RelayWorker;
  readonly #glance: Glance;

  constructor(options: WorkerOptions) {
    this.#options = withRetries(options);
    this.#glance = new Glance(options, () => ({ jobs: this.stats.claimed, mail: this.turns }));
    const shared = { ...this.#options, worker: this.id, stats: this.stats, glance: this.#glance };
    const onDatabase = (failure: UnavailableError | null) => this.#life.onDatabase(failure);
    const onRead = () => this.#onRead();
    this.#leases = new Leases(options.store, options.clock, this.id, options.leaseMs);
    this.#committer = new Committer({
      ...shared,
      isBusy: () => this.#runner.running > BUSY_ABOVE,
      onDatabase,
      onSettled: (claimed, change) => this.#onSettled(claimed, change),
    });
    this.#runner = new Runner({
      ...shared,
      leases: this.#leases,
      onEnding: (claimed, ending, attempt) => this.#onEnding(claimed, ending, attempt),
    });
    this.#claimer = new Claimer({
      ...shared,
      onDatabase,
      onRead,
      leases: this.#leases,
      runner: this.#runner,
      settled: () => this.#settled(),
      onFailure: (error) => this.#onFailure(error),
    });
    this.#relaying = {
      handOff: this.#claimer.handOff,
      onSettled: (claimed, change, isMailed) => this.#onRelayed(claimed, change, isMailed),
      onOrdinary: (outcome) => this.#committer.add(outcome),
    };
    this.#pulse = new Pulse({ ...shared, onDatabase, running: () => this.#runner.running });
    const { turner } = options;
    const onFailure = (error: unknown) => this.#onFailure(error);
    this.#turns = turner ? new TurnLoop({ ...shared, turner, onRead, onFailure }) : null;
    this.#schedules = new ScheduleLoop(shared);
  }

  /** Begins to claim. */
  start(): void {
    const { store, leaseMs } = this.#options;
    this.#life.start();
    const heartbeat = () => void this.#heartbeat().catch((error) => this.#onFailure(error));
    this.#timers = [
      setInterval(heartbeat, leaseMs / 3),
      setInterval(() => this.#pulse.beat(), leaseMs / 3),
    ];
    this.#loops = Promise.all([
      this.#claimer.run(),
      this.#turns?.run(),
      this.#sweepLoop(),
      this.#inboxLoop(),
      this.#schedules.run((error) => this.#onFailure(error)),
    ]).then(() => {});
    this.#stopRelays = this.#options.turner?.relays.attach(this.#relaying) ?? this.#stopRelays;
    if (this.#options.hasHints === false) return;
    this.#pulse.beat();
    this.#stopHints = store.onHint((hint) => this.#onHint(hint)).catch((error) => {
      log.warn("No hints, polling only", { error });
      return () => Promise.resolve();
    });
  }

  /** `connecting`, `connected`, `degraded`, `reconnecting`, `draining` or `stopped`. */
  get state(): string {
    return this.#life.state;
  }

  /** Starts jobs of its own process at once: for `Jobs.attach`. */
  get handOff(): HandOff {
    return this.#claimer.handOff;
  }

  /** Milliseconds since the database last answered a claim; Infinity before the first. */
  get sinceLastClaimMs(): number {
    return this.#now() - this.stats.lastClaimAt;
  }

  /** Recovers what is over and wakes the claimer. */
  async sweep(): Promise<void> {
    const startedAt = this.#now();
    const host = { ...this.#options, sweeper: this.#sweeperId, stats: this.stats.jobs };
    const also = [() => this.#options.turner?.sweep(), () => this.#schedules.tidy()];
    await sweep({ ...host, totals: this.stats, onDue: this.#onDue }, also);
    this.stats.sweepTime.observe((this.#now() - startedAt) / 1000);
  }

  readonly #onDue = (): void => {
    this.#claimer.onHint(null);
    this.#options.store.hint({ kind: "lanes", lanes: [] });
  };

  /** Turns of actors so far. */
  get turns(): number {
    return (this.#turns?.turns ?? 0) + this.#relayed;
  }

  /** What it takes. */
  get served(): Served {
    return this.#claimer.served;
  }

  /** What fires schedules here. */
  get schedules(): Pick<ScheduleLoop, "fire" | "nextDue"> {
    return this.#schedules;
  }

  /** Milliseconds until something that is due may start, where limits hold all of it up; else null. */
  get heldUpMs(): number | null {
    return this.#claimer.heldUpMs;
  }

  /** Resolves when nothing is due and nothing runs here, or after `ms`. */
  async quiet(ms: number): Promise<void> {
    await within(ms, this.#allQuiet());
  }

  async #settled(): Promise<void> {
    await this.#options.turner?.relays.drained();
    await this.#committer.drained();
  }

  /** A turn makes jobs, and a job makes mail: until neither has made any. */
  async #allQuiet(): Promise<void> {
    for (let before = -1; before !== this.stats.claimed + this.turns;) {
      before = this.stats.claimed + this.turns;
      await this.#turns?.quiet();
      this.#claimer.onHint(null);
      await this.#claimer.quiet();
      await this.#settled();
      await this.#turns?.quiet();
    }
  }

  /**
   * Claims nothing more, lets handlers finish for most of `shutdownMs`, asks the rest to stop, and
   * hands back what is left with its attempt refunded. Takes at most `shutdownMs`, standstills aside.
   */
  async stop(): Promise<void> {
    const until = deadlines(this.#options);
    this.#isStopping = true;
    this.#life.end("STOP");
    this.#stopRelays();
    this.#claimer.stop();
    this.#turns?.stop();
    this.#sweepAlarm.ring();
    this.#inboxAlarm.ring();
    this.#schedules.stop();
    this.#runner.giveBackBuffer("shutdown");
    await until(0.5, this.#runner.idle());
    this.#runner.stop("shutdown");
    await until(0.65, this.#runner.idle());
    this.#runner.abandonAll();
    // Open transactions are waited for: theirs may be the outcome.
    await until(0.75, this.#runner.idle());
    await until(0.85, Promise.all([this.#settled(), this.#loops]));
    this.#committer.giveUp();
    await until(0.9, this.#committer.drained());
    for (const timer of this.#timers) clearInterval(timer);
    this.#runner.close();
    await until(0.95, this.#pulse.stop());
    await until(1, this.#stopHints.then((stop) => stop()));
    this.#life.end("STOPPED");
  }

  async #sweepLoop(): Promise<void> {
    const { sweepMs, random } = this.#options;
    while (!this.#isStopping) {
      await this.#sweepAlarm.wait(jittered(sweepMs, random, 0.2));
      if (!this.#isStopping) await this.sweep().catch((error) => this.#onFailure(error));
    }
  }

  async #inboxLoop(): Promise<void> {
    let isAsked = true;
    while (!this.#isStopping) {
      try {
        if (isAsked || await this.#glance.sees("inbox")) await emptyInbox(this.#options);
      } catch (error) {
        this.#onFailure(error);
      }
      isAsked = await this.#inboxAlarm.wait(this.#glance.pauseMs);
    }
  }

  async #heartbeat(): Promise<void> {
    const { lost, cause, cancels } = await this.#leases.renew();
    if (lost.length > 0) this.#loseLeases(lost, cause);
    if (cancels.length > 0) this.#runner.cancel(cancels);
  }

  #loseLeases(lost: readonly string[], cause: Interruption): void {
    const jobs = this.#runner.loseLeases(lost, cause);
    const leases = lost.length;
    this.stats.leasesLost += leases;
    // A lease whose last outcome is on its way home is gone for a good reason.
    if (jobs === 0) return;
    log.warn("Leases lost: their jobs are aborted, their results dropped", { leases, jobs });
  }

  #onHint(hint: Hint | null): void {
    this.#glance.forget(hint?.kind);
    if (hint?.kind === "cancel") this.#heartbeat().catch(this.#onFailure);
    else if (hint?.kind === "watch") this.#watchedUntil = this.#now() + WATCH_MS;
    else if (hint?.kind === "mail") this.#turns?.wake(hint.isOld);
    else if (hint?.kind === "ended") this.#runner.endedElsewhere(hint.ids).catch(this.#onFailure);
    else this.#claimer.onHint(hint);
    if (hint === null) this.#turns?.wake(true);
  }

  #onEnding(claimed: ClaimedJob, ending: Ending | null, attempt: Attempt | null): void {
    this.stats.finished++;
    if (ending?.kind === "failed") this.stats.failed++;
    if (ending?.kind === "interrupted") this.stats.interrupted++;
    this.stats.unsettled++;
    if (attempt) this.#tellBreaker(attempt, ending);
    if (ending === null) {
      // Its own transaction has committed it.
      this.stats.jobs.settled(claimed, null);
      this.#onSettled(claimed, null);
      if (this.#options.turner?.isActivity(claimed.type)) this.#turns?.wake(true);
    } else {
      const outcome = {
        claimed,
        ending,
        backoff: attempt?.backoff ?? this.#options.backoff,
        cancelRequested: attempt?.stopReason === "cancel",
      };
      if (!this.#options.turner?.relays.take(outcome, this.#relaying)) this.#committer.add(outcome);
    }
    this.#claimer.onRoom();
  }

  #tellBreaker({ claimed, startedAt }: Attempt, ending: Ending | null): void {
    // What has committed its own transaction has succeeded.
    const judged = ending === null ? "success" : judgementOf(ending);
    if (judged) this.#claimer.aftermath.onOutcome(claimed, judged === "failure", startedAt);
  }

  #onRelayed(claimed: ClaimedJob, change: Change, isMailed: boolean): void {
    if (!isMailed) this.#relayed++;
    this.#onSettled(claimed, change, isMailed);
  }

  #onSettled(claimed: ClaimedJob, change: Change | null, isMailed = true): void {
    this.stats.unsettled--;
    if (change) this.stats.jobs.settled(claimed, change);
    this.#leases.settle(claimed.leaseId);
    this.#claimer.aftermath.onSettled(claimed);
    const isWatched = this.#watchedUntil > 0 && this.#now() < this.#watchedUntil;
    if (isWatched && change && isTerminal(change.decision.to)) {
      this.#options.store.hint({ kind: "ended", ids: [change.id] });
    }
    const isOver = change !== null && isTerminal(change.decision.to);
    const isTold = isMember(claimed) || this.#options.turner?.isActivity(claimed.type);
    if (isOver && isMailed && isTold) this.#turns?.wake();
    const due = change?.decision.due;
    if (due && "delayMs" in due) this.#claimer.wakeIn(claimed, due.delayMs);
    this.#claimer.onRoom();
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }

  /** Where writing has failed, an answer says little: whether it is taken again, the pulse finds out. */
  #onRead(): void {
    if (this.#life.isFailing) this.#pulse.beat();
    else this.#life.onDatabase(null);
  }

  readonly #onFailure = (error: unknown): void => {
    if (error instanceof UnavailableError) this.#life.onDatabase(error);
    else log.error("Worker loop failed", { error });
  };
}
