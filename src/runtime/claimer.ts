/**
 * Takes due jobs: as many as there is room for, from the lanes whose turn it is.
 *
 * One claim is in flight at a time; what frees up meanwhile makes the next one larger. Lanes that have
 * to pass gates are claimed by a statement of their own, for what will be free soon; where there are none,
 * nothing of this is asked.
 */
import { type Clock, jittered, type Random } from "../core/clock.ts";
import type {
  ClaimedJob,
  GateStore,
  Hint,
  Served,
  Store,
  Suspect,
  WorkStore,
} from "../store/store.ts";
import { Aftermath, type AftermathStore } from "./aftermath.ts";
import { Alarm } from "./alarm.ts";
import { Claims } from "./claims.ts";
import { Gates } from "./gates.ts";
import type { Glance } from "./glance.ts";
import { HandOff, handOffHost } from "./handoff.ts";
import type { Handlers } from "./handlers.ts";
import { type Admits, LaneBook } from "./lane_book.ts";
import { LaneList } from "./lane_list.ts";
import { LaneWidth } from "./lane_width.ts";
import type { Leases } from "./leases.ts";
import type { Runner } from "./runner.ts";
import type { WorkerStats } from "./stats.ts";
import { Suspects } from "./suspects.ts";

const LANES_PER_CLAIM = 20;
const RECONNECT_MS = { first: 100, most: 2_000 };
/** What the claimer needs of its surroundings. */
export interface ClaimerHost extends Pick<Served, "queues" | "partitionKey"> {
  readonly store:
    & WorkStore
    & AftermathStore
    & Pick<Store, "enterStarted" | "within">
    & { readonly gates: GateStore };
  readonly clock: Clock;
  readonly random: Random;
  readonly worker: string;
  readonly handlers: Handlers;
  readonly pollMs: number;
  readonly leaseMs: number;
  readonly jobsMax?: number;
  readonly tenantRate?: number | null;
  readonly leases: Leases;
  readonly runner: Runner;
  readonly glance: Glance;
  readonly stats: WorkerStats;
  /** Everything that ended here has been committed. */
  readonly settled: () => Promise<void>;
  readonly onDatabase: (failure: null) => void;
  /** The database has answered a question. */
  readonly onRead: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** Claims jobs for one runner. */
export class Claimer {
  readonly #host: ClaimerHost;
  readonly #book: LaneBook;
  readonly #lanes: LaneList;
  readonly #gates: Gates;
  /** What ends here lets others go on. */
  readonly aftermath: Aftermath;
  readonly #alarm = new Alarm();
  readonly #claims: Claims;
  readonly #suspects: Suspects;
  readonly #width = new LaneWidth(LANES_PER_CLAIM);
  #isRoomAsked = false;
  /** Lanes with limits, and those without, take turns. */
  #isTurnOfLimited = false;
  /** A lane with limits waits for a handler to be free: nothing else is buffered meanwhile. */
  #isWaitingForFree = false;
  /** The ordinary claim under way; never rejects. */
  #claiming: Promise<void> = Promise.resolve();
  #isStopping = false;
  #onQuiet: (() => void)[] = [];

  constructor(host: ClaimerHost) {
    this.#host = host;
    this.#book = new LaneBook(host.clock, host.random, host.pollMs);
    this.#lanes = new LaneList(host);
    this.#gates = new Gates({
      ...host,
      store: host.store.gates,
      tenantRate: host.tenantRate ?? null,
      onCooled: (gate) => this.aftermath.cool(gate),
      // Plain claims that knew less have taken nothing.
      onChange: () => this.#rouse(),
    });
    this.aftermath = new Aftermath({
      ...host,
      book: this.#book,
      gates: this.#gates,
      serves: (lane) => this.#lanes.serves(lane),
      ring: () => this.#alarm.ring(),
    });
    this.#claims = new Claims({
      ...host,
      gates: this.#gates,
      onAnswer: () => this.#onAnswer(),
      onJobs: (jobs, isKept) => this.#onJobs(jobs, isKept),
    });
    this.#suspects = new Suspects({
      ...host,
      claimed: () => this.#claiming,
      claimAlone: (suspect) => this.#claimAlone(suspect),
      lanes: this.#lanes,
      isOpen: (lane) => this.#gates.opensAt(lane) <= host.clock.monotonic(),
      onDrained: () => this.#alarm.ring(),
    });
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    await Promise.all([this.#claimLoop(), this.#suspects.run(), this.#gates.run()]);
  }

  /** Claims nothing more. A claim under way still comes in, and is handed back. */
  stop(): void {
    this.#isStopping = true;
    this.#alarm.ring();
    this.#suspects.stop();
    this.#gates.stop();
  }

  /** What is for this worker. */
  get served(): Served {
    return this.#lanes.served;
  }

  /** Resolves when there is nothing to claim and nothing runs. */
  quiet(): Promise<void> {
    return new Promise((done) => this.#onQuiet.push(done));
  }

  /** Takes jobs that its own process has stored as claimed. */
  get handOff(): HandOff {
    return new HandOff(handOffHost({
      ...this.#host,
      claims: this.#claims,
      mayStart: () => !this.#isStopping && !this.#suspects.isDraining,
      serves: (lane) =>
        this.#lanes.serves(lane) && this.#gates.isFresh() && this.#gates.isFree(lane),
      isIdle: (lane) => this.#book.isIdle(lane),
      isQuiet: (lane) => this.#book.isQuiet(lane),
      onDoubt: () => this.#alarm.ring(),
    }));
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
      this.#book.wake(hint.lanes.filter((lane) => this.#lanes.serves(lane)), hint.isLone);
      return this.#alarm.ring();
    }
    this.#lanes.forget();
    this.#host.glance.forgetAll();
    this.#gates.invalidate();
    this.#rouse();
  }

  #rouse(): void {
    this.#book.wakeAll();
    this.#alarm.ring();
  }

  /** A job of this process comes due again in `delayMs`. */
  wakeIn(job: ClaimedJob, delayMs: number): void {
    this.#book.wakeIn(job, delayMs);
    if (delayMs < this.#host.pollMs) this.#alarm.ring();
  }

  /** Milliseconds until a gate opens that everything which is due has to pass; null: nothing has to. */
  get heldUpMs(): number | null {
    const until = this.#book.heldUpUntil((lane) => this.#gates.opensAt(lane));
    return until === null ? null : Math.ceil(until - this.#host.clock.monotonic());
  }

  async #claimLoop(): Promise<void> {
    let failures = 0;
    while (!this.#isStopping) {
      try {
        await this.#claims.settleDoubts();
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
        const pauseMs = Math.min(RECONNECT_MS.most, RECONNECT_MS.first * 2 ** failures++);
        await this.#alarm.wait(jittered(pauseMs, this.#host.random, 0.5));
      }
    }
    // What a lost claim may have taken is handed back now, not when its lease is over.
    await this.#claims.settleDoubts().catch(() => {});
  }

  #tellQuiet(): void {
    const isBusy = this.#host.runner.load > 0 || this.#suspects.isDraining || this.#book.isUnsure;
    // A list that was asked for meanwhile may have more than the one that was read.
    if (isBusy || this.#lanes.dueAt === -Infinity) return;
    for (const done of this.#onQuiet.splice(0)) done();
  }

  /** False: nothing to do until the alarm rings or the next lane wakes. */
  async #claimOnce(): Promise<boolean> {
    const { runner, stats, jobsMax = Infinity } = this.#host;
    if (!this.#gates.isFresh()) await this.#gates.refresh();
    this.#isWaitingForFree = false;
    if (this.#suspects.isDraining) return false;
    const left = jobsMax - stats.claimed;
    await this.aftermath.promote();
    const room = Math.min(runner.room(), left);
    if (this.#gates.isNone && !this.#book.hasGated) return await this.#claimPlain(room);
    if (!this.#book.isAwake(this.#gates.isPassable)) {
      return await this.#claimPlain(room, this.#gates.isFree);
    }
    // What has limits starts at once, nearly, or is not claimed: while it waits, nothing else is buffered.
    const free = Math.min(runner.room(this.#claims.pastGatesMs), left);
    this.#isWaitingForFree = free < 1;
    return free >= 1 && await this.#claimInTurn(free);
  }

  async #claimInTurn(free: number): Promise<boolean> {
    const isShared = this.#book.isAwake(this.#gates.isFree);
    this.#isTurnOfLimited = !isShared || !this.#isTurnOfLimited;
    const limit = isShared ? Math.ceil(free / 2) : free;
    return this.#isTurnOfLimited
      ? await this.#claimLimited(limit)
      : await this.#claimPlain(limit, this.#gates.isFree);
  }

  async #claimPlain(limit: number, admits?: Admits): Promise<boolean> {
    const { clock } = this.#host;
    const { weigh } = this.#gates;
    const selection = limit > 0 ? this.#book.select(limit, LANES_PER_CLAIM, admits, weigh) : null;
    if (selection === null) return false;
    const askedAt = clock.monotonic();
    try {
      const jobs = await this.#claims.claim(selection.requests, limit);
      // Nothing is due, or the gates have changed: that is looked up before the next one.
      if (jobs.length === 0) this.#gates.invalidate();
      this.#book.settle(selection, jobs, limit, clock.monotonic() - askedAt);
    } catch (error) {
      this.#book.release(selection);
      throw error;
    }
    return true;
  }

  async #claimLimited(limit: number): Promise<boolean> {
    const { runner } = this.#host;
    // The handlers it is asked for stay free, whatever else this process takes on meanwhile.
    const kept = runner.reserveUpTo(limit);
    try {
      return await this.#claimReserved(limit);
    } finally {
      runner.release(kept);
    }
  }

  async #claimReserved(limit: number): Promise<boolean> {
    const { clock } = this.#host;
    const { isPassable, weigh } = this.#gates;
    const selection = this.#book.select(limit, this.#width.lanes, isPassable, weigh);
    if (selection === null) return false;
    try {
      const lanes = selection.requests.flatMap(({ levels }) => levels[0]?.lane ?? []);
      await this.#gates.openFor(lanes);
      const askedAt = clock.monotonic();
      const { jobs, cut } = await this.#claims.claimPastGates(selection.requests, limit, false);
      const now = clock.monotonic();
      this.#width.note(jobs.length, limit);
      const opensAt = lanes.map((lane) => this.#gates.opensAt(lane));
      const isHeldUp = (n: number) => cut.includes(n) || (opensAt[n] ?? now) > now;
      this.#book.settle(selection, jobs, limit, now - askedAt, isHeldUp);
    } catch (error) {
      this.#book.release(selection);
      throw error;
    }
    return true;
  }

  async #claimAlone({ lane, at }: Suspect): Promise<boolean> {
    if (!this.#gates.isFresh()) await this.#gates.refresh();
    const request = [{ quantum: 1, levels: [{ lane, from: at }] }];
    if (!this.#gates.isLimited(lane)) {
      return (await this.#claims.claim(request, 1, true)).length > 0;
    }
    await this.#gates.openFor([lane]);
    return (await this.#claims.claimPastGates(request, 1, true)).jobs.length > 0;
  }

  async #refreshLanes(): Promise<void> {
    const lanes = await this.#lanes.read();
    if (!lanes) return;
    this.#host.onRead();
    this.#host.stats.lastClaimAt = this.#host.clock.monotonic();
    this.#book.refresh(lanes);
    try {
      if (await this.#host.glance.sees("vacancies")) this.aftermath.expectVacancy();
    } catch (error) {
      this.#lanes.forget();
      throw error;
    }
  }

  #pauseMs(): number {
    const { clock, pollMs, runner } = this.#host;
    const now = clock.monotonic();
    // Without room the end of a job rings; with room the next lane or the next list is due.
    const isOpen = runner.room() > 0 && !this.#suspects.isDraining && !this.#isWaitingForFree;
    const next = isOpen ? this.#book.nextWakeAt((lane) => this.#gates.opensAt(lane)) : Infinity;
    return Math.max(1, Math.min(next - now, this.#lanes.dueAt - now, pollMs));
  }

  #onJobs(jobs: readonly ClaimedJob[], isKept: boolean): void {
    const { runner } = this.#host;
    if (isKept) runner.unkeep(jobs.length, this.#isStopping ? [] : jobs);
    // Claimed by a statement that was under way when the stop came: nobody would stop their handlers.
    if (this.#isStopping) runner.handBack(jobs);
    else if (!isKept) runner.accept(jobs);
  }

  #onAnswer(): void {
    this.#host.onDatabase(null);
    this.#host.stats.lastClaimAt = this.#host.clock.monotonic();
  }
}
