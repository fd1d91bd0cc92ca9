/**
 * Activities that follow each other in one process: the end of one, the turn that hears of it and the
 * start of the next are one statement, and no mailbox lies between them.
 *
 * Only for actors whose surroundings cannot have changed meanwhile: roots without children of their own
 * kind. What an actor is, is remembered from its last commit here, and guarded by its version: where
 * somebody else has moved it, the end goes into its mailbox, and so it does whenever a turn causes
 * anything but the next activity. The ordinary way stays the rule; this one is only shorter.
 */
import { sourcesOf } from "../core/actor/sources.ts";
import type { Clock } from "../core/clock.ts";
import type { JobInsert } from "../core/job.ts";
import type { ClaimedJob, Relayed, Store, Turn } from "../store/store.ts";
import { Batcher } from "./batcher.ts";
import type { Outcome } from "./committer.ts";
import type { Offer } from "./handoff.ts";
import type { Seat } from "./ledger.ts";
import type { Machines } from "./machines.ts";
import type { CountDefaults } from "./preparing.ts";
import { type Ended, endedOf, free, goOrdinary, type RelayWorker } from "./relay_end.ts";
import { actorOf, RelaySeats } from "./relay_seats.ts";
import { isPlain, letterOf, type Made } from "./relay_turn.ts";
import { Turning } from "./turning.ts";

const BATCH_MAX = 200;
/** Statements at once of those whose handlers wait for what follows. */
const IN_FLIGHT_MAX = 2;
/** To begin a statement costs PostgreSQL as much as twenty relays in it: fewer are not worth two. */
const SPREAD_MIN = 64;
/** So many in a row; then the handler, and the mailbox, are anybody's. */
const CHAIN_MAX = 50;
/**
 * What has begun goes on before another one begins, as the steps of a job do: while others wait in the
 * lane, for so many in a row and so long.
 */
const AHEAD_MAX = 10;
const AHEAD_MS_MAX = 1_000;

/** What relaying needs. */
export interface RelaysHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly machines: Machines;
  readonly defaults: CountDefaults;
  /** Turns are committed, and some of their jobs have started. */
  readonly onDone: (turns: readonly Turn[], started: ReadonlySet<string>) => void;
  /** Whether the end of such a job is mail for an actor. */
  readonly isActivity: (type: string) => boolean;
}

/** One whose actor is not known yet. */
interface Unknown extends Ended {
  readonly worker: RelayWorker;
}

/** An actor that waits for activities of this process. */
interface Known {
  /** Since when its handler has been its own, monotonic. */
  readonly since: number;
  readonly worker: RelayWorker;
  seat: Seat;
  /** A relay of it is in flight: what ends meanwhile waits for the version that it gives. */
  isBusy: boolean;
  readonly waiting: Ended[];
  readonly jobs: Set<string>;
  relays: number;
}

interface OnTheWay extends Made {
  readonly known: Known;
  readonly ended: Ended;
}

/** The relays of one process. */
export class Relays {
  readonly #host: RelaysHost;
  readonly #workers = new Set<RelayWorker>();
  readonly #byActor = new Map<string, Known>();
  readonly #byJob = new Map<string, Known>();
  readonly #followed: Batcher<OnTheWay>;
  /** Nobody waits for these: they gather while one statement is in flight, and no two wait for a lease. */
  readonly #last: Batcher<OnTheWay>;
  readonly #seats: RelaySeats<Unknown>;

  constructor(host: RelaysHost) {
    this.#host = host;
    this.#seats = new RelaySeats(
      host.store.actors,
      (unknown, seat) => this.#meet(unknown, seat),
    );
    const options = {
      send: (batch: OnTheWay[]) => this.#send(batch),
      sizeMax: BATCH_MAX,
      gather: () => 0,
    };
    const many = { inFlightMax: IN_FLIGHT_MAX, spreadMin: SPREAD_MIN };
    this.#followed = new Batcher({ ...options, ...many });
    this.#last = new Batcher({ ...options, inFlightMax: 1 });
  }

  /** From now on activities may be started by a worker of this process. Gives the way back. */
  attach(worker: RelayWorker): () => void {
    this.#workers.add(worker);
    return () => void this.#workers.delete(worker);
  }

  /** Everything that is on its way has arrived. */
  async drained(): Promise<void> {
    await this.#seats.drained();
    // The end of one may begin another, in the other's place.
    while (!this.#followed.isIdle || !this.#last.isIdle) {
      await Promise.all([this.#followed.drained(), this.#last.drained()]);
    }
  }

  /** Handlers for jobs that turns begin. */
  offer(jobs: readonly JobInsert[]): Offer | null {
    if (jobs.length === 0) return null;
    for (const { handOff } of this.#workers) {
      const offer = handOff.offer(jobs);
      if (offer) return offer;
    }
    return null;
  }

  /** Turns that were committed the ordinary way, and which of their jobs have started here. */
  note(made: readonly Made[], started: ReadonlySet<string>): void {
    const [worker] = this.#workers;
    for (const each of made) {
      const key = keyOf(each.turn);
      let known = this.#byActor.get(key);
      const jobs = each.turn.activities.map(({ jobId }) => jobId).filter((id) => started.has(id));
      if (!known && (jobs.length === 0 || !worker)) continue;
      if (!this.#isAlone(each.turning.seat, each.turn)) {
        if (known) this.#forget(known);
        continue;
      }
      if (!known && worker) {
        known = this.#know(worker, each.turning.seat);
      }
      if (known) this.#advance(known, each, jobs);
    }
  }

  /** An attempt of this worker's has ended. False: that is for the ordinary way. */
  take(outcome: Outcome, worker: RelayWorker): boolean {
    const { claimed, ending } = outcome;
    // Nearly all are plain jobs: not even a look-up for those.
    if (!this.#host.isActivity(claimed.type)) return false;
    const known = this.#byJob.get(claimed.id) ?? this.#knownOf(claimed, worker);
    if (!known) return this.#ask(outcome, worker);
    this.#byJob.delete(claimed.id);
    known.jobs.delete(claimed.id);
    // An end that gives back slots is a statement of its own.
    const isShort = ending.kind === "succeeded" && !claimed.holdsSlots && known.relays < CHAIN_MAX;
    if (!isShort || !known.worker.handOff.keep()) {
      this.#forget(known);
      return false;
    }
    this.#enter(known, endedOf(outcome, this.#host.clock.now(), true));
    return true;
  }

  /** An actor that waits for others of its activities here. */
  #knownOf(claimed: ClaimedJob, worker: RelayWorker): Known | undefined {
    const name = actorOf(claimed);
    const known = name ? this.#byActor.get(keyOf(name)) : undefined;
    return known?.worker === worker ? known : undefined;
  }

  /** Its actor was stepped by another process, or before the handler was free: it is read first. */
  #ask(outcome: Outcome, worker: RelayWorker): boolean {
    const { claimed, ending } = outcome;
    if (
      !this.#workers.has(worker) || ending.kind !== "succeeded" || claimed.holdsSlots ||
      !this.#seats.isWorth(claimed.type)
    ) return false;
    const isKept = !this.#seats.foreseesLast(claimed.type);
    if (isKept && !worker.handOff.keep()) return false;
    this.#seats.ask({ ...endedOf(outcome, this.#host.clock.now(), isKept), worker });
    return true;
  }

  #meet({ worker, ...ended }: Unknown, seat: Seat | null): void {
    const name = actorOf(ended.claimed);
    const old = name ? this.#byActor.get(keyOf(name)) : undefined;
    const isFit = seat !== null && this.#isAlone(seat, seat) && this.#host.machines.logicOf(seat);
    const known = old ?? (isFit ? this.#know(worker, seat) : undefined);
    if (known?.worker === worker) return this.#enter(known, ended);
    if (seat !== null) this.#seats.wasInVain(ended.claimed.type);
    goOrdinary(ended, worker);
  }

  #know(worker: RelayWorker, seat: Seat): Known {
    const since = this.#host.clock.monotonic();
    const rest = { isBusy: false, waiting: [], jobs: new Set<string>(), relays: 0 };
    const known = { worker, seat, since, ...rest };
    this.#byActor.set(keyOf(seat), known);
    return known;
  }

  #enter(known: Known, ended: Ended): void {
    if (known.isBusy) known.waiting.push(ended);
    else this.#begin(known, ended);
  }

  #begin(known: Known, ended: Ended): void {
    const { machines, defaults } = this.#host;
    const logic = machines.logicOf(known.seat) ?? null;
    const turning = new Turning(known.seat, logic, defaults);
    turning.takeAll([letterOf(ended)]);
    const turn = turning.finish();
    const fits = isPlain(turn, ended.claimed.id, known.seat) &&
      turning.transactional.length === 0;
    const isLast = turn.jobs.length === 0;
    // A lane that is held now says nothing about the next turn.
    if (known.relays === 0) this.#seats.note(ended.claimed.type, { fits, isLast });
    const { handOff } = known.worker;
    const isShort = fits && (isLast || ended.isKept) &&
      handOff.mayFollow(turn.jobs, this.#mayGoAhead(known));
    if (!isShort) return this.#leave(known, ended);
    known.isBusy = true;
    const onTheWay = { known, turning, turn, ended };
    if (!isLast) return this.#followed.add(onTheWay);
    this.#last.add(onTheWay);
    // The next job does not wait for the commit, as after a plain one.
    free(ended, known.worker);
  }

  #mayGoAhead({ relays, since }: Known): boolean {
    return relays < AHEAD_MAX && this.#host.clock.monotonic() - since < AHEAD_MS_MAX;
  }

  /** It goes the ordinary way, and its actor's next ones too, until it begins one anew. */
  #leave(known: Known, ended: Ended): void {
    this.#forget(known);
    goOrdinary(ended, known.worker);
  }

  #forget(known: Known): void {
    for (const id of known.jobs) this.#byJob.delete(id);
    known.jobs.clear();
    const key = keyOf(known.seat);
    if (this.#byActor.get(key) === known) this.#byActor.delete(key);
    for (const ended of known.waiting.splice(0)) goOrdinary(ended, known.worker);
  }

  /** Never rejects. One worker's batch, under one lease. */
  async #send(batch: readonly OnTheWay[]): Promise<void> {
    const [first] = batch;
    if (!first) return;
    const { worker } = first.known;
    const mine = batch.filter(({ known }) => known.worker === worker);
    const others = batch.filter(({ known }) => known.worker !== worker);
    const offer = worker.handOff.offerKept();
    try {
      const relays = mine.map(({ turn, ended }) => ({ turn, end: ended.change }));
      const relayed = await this.#host.store.actors.relay(offer, relays);
      this.#settle(mine, relayed, offer);
    } catch (error) {
      offer.withdraw(error);
      for (const { known, ended } of mine) this.#leave(known, ended);
    }
    await this.#send(others);
  }

  #settle(
    batch: readonly OnTheWay[],
    relayed: readonly Relayed[],
    offer: Omit<Offer, "jobs">,
  ): void {
    const fates = new Map(relayed.map((each) => [each.relay.turn, each]));
    const committed = batch.filter(({ turn }) => fates.get(turn)?.outcome === "committed");
    const started = relayed.flatMap((each) => each.started ?? []);
    const startedIds = new Set(started.map(({ id }) => id));
    for (const each of committed) {
      each.known.relays++;
      this.#advance(each.known, each, idsOf(each, startedIds));
    }
    this.#host.onDone(committed.map(({ turn }) => turn), startedIds);
    // Their handlers begin: what ends in the very start finds its actor as it is now.
    for (const each of batch) this.#conclude(each, fates.get(each.turn));
    if (started.length > 0) offer.accept(started);
  }

  #conclude({ known, ended, turn }: OnTheWay, fate: Relayed | undefined): void {
    known.isBusy = false;
    if (!fate || fate.outcome === "lost") return this.#leave(known, ended);
    known.worker.onSettled(ended.claimed, ended.change, fate.outcome === "mailed");
    if (fate.started) ended.isKept = false; // what has started takes it over
    else free(ended, known.worker);
    if (fate.outcome === "mailed" || fate.hasMail || turn.status !== "active") {
      return this.#forget(known);
    }
    const next = known.waiting.shift();
    if (next) this.#begin(known, next);
    else if (known.jobs.size === 0) this.#forget(known);
  }

  #advance(known: Known, { turning: { seat }, turn }: Made, jobs: readonly string[]): void {
    const { status, version, state, snapshot, machineVersion, machineHash } = turn;
    const now = { status, version, state, snapshot, machineVersion, machineHash };
    known.seat = { ...seat, ...now, isNewDay: false };
    for (const id of jobs) {
      known.jobs.add(id);
      this.#byJob.set(id, known);
    }
  }

  /** Nothing but its own turns can change what its steps are made from. */
  #isAlone(seat: Seat, { status, snapshot }: Pick<Turn, "status" | "snapshot">): boolean {
    const definition = this.#host.machines.logicOf(seat)?.definition;
    if (!definition || definition.unhandled === "defer" || seat.parentId !== null) return false;
    if (status !== "active" || Object.keys(seat.registry).length > 0) return false;
    const children = Object.values(Object(snapshot).children ?? {});
    const sources = sourcesOf(definition.machine);
    return children.every((child) => sources.get(Object(child).src)?.kind === "activity");
  }
}

function idsOf({ turn }: OnTheWay, started: ReadonlySet<string>): string[] {
  return turn.jobs.map(({ id }) => id).filter((id) => started.has(id));
}

/** The name of an actor as one text. */
export function keyOf(
  { tenantId, id }: { readonly tenantId: string; readonly id: string },
): string {
  return `${tenantId}\n${id}`;
}
