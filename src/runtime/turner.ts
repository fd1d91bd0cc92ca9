/**
 * Turns: takes actors whose mail is due, steps them in memory, commits many in one statement.
 *
 * Any number of processes may do so at any time. Which actors one has taken is told to the others as a
 * hint; what decides is the version of the actor's row. Whoever comes second has worked in vain.
 */
import { getLogger } from "@logtape/logtape";
import { messageOf } from "../core/actor/errors.ts";
import { ActorBlockedError, ActorStalledError } from "../core/actor/mod.ts";
import { type Clock } from "../core/clock.ts";
import { UnavailableError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import { allInTurn } from "../core/in_turn.ts";
import type { ActorName, ActorView, Lane, Store, Turn, TurnRequest } from "../store/store.ts";
import { Blocked } from "./blocked.ts";
import { Culprits, type Failure, type Fate } from "./culprits.ts";
import type { ExplainHost } from "./explain.ts";
import { LeftBehind } from "./left_behind.ts";
import { Lines } from "./lines.ts";
import { activityType, type Machines } from "./machines.ts";
import { MailCursor } from "./mail_cursor.ts";
import { isEnded, mayStep } from "./place.ts";
import type { Made } from "./relay_turn.ts";
import { keyOf, Relays } from "./relays.ts";
import { type CountDefaults, lanesOf } from "./preparing.ts";
import { TurnCommits, type TurnFate, TurnRefusedError } from "./turn_commits.ts";
import { TurnTransactions } from "./turn_transactions.ts";
import { Turning } from "./turning.ts";
import { upgraded } from "./upgrading.ts";

const log = getLogger(["perdura", "actors"]);

/** Actors of one statement, and events of one turn: what is left is for the next. */
const ACTORS = 100;
export const MAIL_PER_ACTOR = 100;
/** A batch takes a few milliseconds; a process that dies in it holds its actors up for this long. */
const SPARE_MS = 3_000;
/** Mail to look at: more while one busy actor hides the others. */
const LOOK = 1_000;
const LOOK_MAX = 64_000;

/** What turning needs. */
export interface TurnerHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly machines: Machines;
  readonly defaults: CountDefaults & ExplainHost["defaults"];
  /** Ends the job of an activity that was left behind. */
  readonly cancelJob: (tenantId: string, id: string) => Promise<void>;
}

/** A turn that was made of all that a view shows. */
interface Viewed extends Made {
  readonly view: ActorView;
}

/** Makes turns for one process. */
export class Turner {
  readonly #host: TurnerHost;
  readonly #worker = newId();
  readonly #watchers = new Map<string, Set<(turn: Turn) => void>>();
  /** Callers of one actor, one after the other. */
  readonly lines = new Lines();
  /** From where mail is looked at. */
  readonly cursor: MailCursor;
  /** Activities that follow each other in this process. */
  readonly relays: Relays;
  /** Turns that write more than themselves. */
  readonly transactions: TurnTransactions;
  readonly #commits: TurnCommits;
  readonly #leftBehind: LeftBehind;
  readonly #blocked: Blocked;
  readonly #culprits: Culprits;
  readonly #activityTypes: ReadonlySet<string>;
  readonly #stepped: Pick<TurnRequest, "machines" | "charts">;
  #look = LOOK;

  constructor(host: TurnerHost) {
    this.#host = host;
    const { store, machines } = host;
    this.#leftBehind = new LeftBehind(host);
    this.cursor = new MailCursor(host.clock);
    this.#blocked = new Blocked(host, (turning) => this.commit(turning));
    const onDone = (turns: readonly Turn[], started?: ReadonlySet<string>) =>
      this.#tell(turns, started);
    this.relays = new Relays({ ...host, onDone, isActivity: (type) => this.isActivity(type) });
    this.#commits = new TurnCommits({ store, worker: this.#worker, relays: this.relays, onDone });
    // Its mail is due since its transaction began.
    const onCommitted = (turns: readonly Turn[]) => this.#tell(turns, new Set(), true);
    this.transactions = new TurnTransactions({
      ...host,
      worker: this.#worker,
      onDone: onCommitted,
    });
    this.#culprits = new Culprits({
      ...{ store, defaults: host.defaults, worker: this.#worker, mailPerActor: MAIL_PER_ACTOR },
      turn: (view) => this.turn(view),
      commit: (made) => this.#commitAlone(made),
    });
    const charts = [...machines.charts, ...machines.versions];
    this.#stepped = { machines: machines.served, charts };
    this.#activityTypes = new Set(
      machines.activities().map(({ definition, src }) => activityType(definition.name, src)),
    );
  }

  /** Whether the end of such a job is mail for an actor. */
  isActivity(type: string): boolean {
    return this.#activityTypes.has(type);
  }

  get host(): TurnerHost {
    return this.#host;
  }

  get machines(): Machines {
    return this.#host.machines;
  }

  /** Calls back after every turn of an actor that this process commits. Gives the way to stop. */
  watch(name: ActorName, onTurn: (turn: Turn) => void): () => void {
    const key = keyOf(name);
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(onTurn));
    return () => {
      watchers.delete(onTurn);
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
    };
  }

  /** One batch of turns. Gives how many there were; 0: nothing is due. */
  async turnOnce(): Promise<number> {
    const { store: { actors } } = this.#host;
    const turnId = newId();
    const { from, settle } = this.cursor.begin();
    const claim = await actors.claim({
      turnId,
      worker: this.#worker,
      spareMs: SPARE_MS,
      ...this.#stepped,
      actors: ACTORS,
      mailPerActor: MAIL_PER_ACTOR,
      look: this.#look,
      from,
    });
    settle(claim);
    if (claim.nobody.length > 0) await this.#drop(claim.nobody);
    const isHidden = claim.looked >= this.#look && claim.actors.length < ACTORS;
    this.#look = isHidden ? Math.min(this.#look * 4, LOOK_MAX) : LOOK;
    if (claim.actors.length === 0) return isHidden && this.#look < LOOK_MAX ? 1 : 0;
    await this.#turnAll(claim.actors, turnId);
    return claim.actors.length;
  }

  /**
   * Commits one turn that was made elsewhere. False: the actor has moved on, or has stalled.
   *
   * @param view All that the turn was made of; null: there was more, or something else.
   * @throws {ActorStalledError} One of its actions throws, and it was not made of a view.
   * @throws {TurnRefusedError} PostgreSQL will not take it, and it was not made of a view.
   */
  async commit(turning: Turning, view: ActorView | null = null): Promise<boolean> {
    return (await this.commitOf(turning, view)).isDone;
  }

  /** The same, with the turn and when it was committed. */
  async commitOf(
    turning: Turning,
    view: ActorView | null = null,
  ): Promise<Omit<TurnFate, "refusal">> {
    const turn = turning.finish();
    this.#host.store.actors.asked?.(turn);
    if (turning.transactional.length > 0) {
      const { isDone, failure } = await this.transactions.commit({ turning, turn });
      if (failure && !view) throw new ActorStalledError("threw", "", failure.message);
      if (failure && view) await this.#culprits.find(view, turn, failure);
      return { turn, isDone, at: null };
    }
    const { refusal, ...fate } = await this.#commits.commit({ turning, turn });
    if (refusal !== null && !view) throw new TurnRefusedError(refusal);
    if (refusal !== null && view) await this.#culprits.find(view, turn, refusalOf(refusal));
    return fate;
  }

  /** Makes one turn of a view. Null: there is nothing to commit. */
  turn(view: ActorView): Turning | null {
    const { machines, defaults } = this.#host;
    if (!mayStep(view.status)) {
      // Whatever state it is in, its parent may stop it.
      if (!view.mail.some(({ kind }) => kind === "stop")) return null;
      const turning = new Turning(view, machines.logicOf(view) ?? null, defaults);
      turning.takeStops(view.mail);
      return turning;
    }
    const logic = machines.logicOf(view);
    if (!logic && !isEnded(view.status)) return this.#upgrade(view);
    const turning = new Turning(view, logic ?? null, defaults, { machines });
    turning.takeAll(view.mail);
    return turning.isEmpty ? null : turning;
  }

  /** Its version is not here: another one takes it over, or it is blocked. */
  #upgrade(view: ActorView): Turning {
    const { machines, defaults } = this.#host;
    try {
      const next = upgraded(machines, view);
      if (next) {
        const { version } = next;
        const turning = new Turning({ ...view, machineVersion: version }, next.logic, defaults, {
          machines,
        });
        const cause = `${view.machineVersion} → ${version}`;
        turning.replace("MIGRATE", next, cause);
        if (next.event) turning.post({ event: next.event });
        turning.takeAll(turning.forget(view.mail, next.forget));
        return turning;
      }
    } catch (error) {
      // Whatever the author's code throws here is one actor's: its neighbours go on.
      const { code, path } = error instanceof ActorBlockedError
        ? error
        : { code: "migration", path: "" };
      return this.#block(view, { code, path, message: messageOf(error) });
    }
    const message = `Version "${view.machineVersion}" of "${view.machine}" is not here`;
    return this.#block(view, { code: "unknown_version", path: "", message });
  }

  #block(view: ActorView, fault: { code: string; path: string; message: string }): Turning {
    const turning = new Turning(view, null, this.#host.defaults);
    turning.mark("blocked", "BLOCK", fault.message, fault);
    return turning;
  }

  /** What a sweep does for actors. */
  async sweep(): Promise<void> {
    await allInTurn(
      () => this.#tidy(),
      () => this.#leftBehind.cancel(),
      () => this.#blocked.look(),
    );
  }

  async #tidy(): Promise<void> {
    if (await this.#host.store.actors.tidy() > 0) this.cursor.rewind();
  }

  /** Milliseconds until mail comes due; null: none waits. */
  nextDue(): Promise<number | null> {
    return this.#host.store.actors.nextDue({ ...this.#stepped, from: this.cursor.from });
  }

  async #turnAll(views: readonly ActorView[], turnId: string): Promise<void> {
    const made = views.map((view) => ({ view, turning: this.turn(view) }));
    const idle = made.filter(({ turning }) => turning === null).map(({ view }) => view);
    if (idle.length > 0) await this.#host.store.actors.park(idle);
    const plain: Viewed[] = [];
    const { clock } = this.#host;
    const until = clock.monotonic() + SPARE_MS;
    let fault: UnavailableError | null = null;
    const late: Viewed[] = [];
    // Those with a transaction first: the statement of the others ends the sparing.
    for (const { view, turning } of made) {
      if (!turning) continue;
      const each = { view, turning, turn: turning.finish() };
      if (turning.transactional.length === 0) plain.push(each);
      else if (this.transactions.isLate(each.turn)) late.push(each);
      // Of a database that is not there the first one tells, and takes its time.
      else if (!fault || clock.monotonic() < until) fault = await this.#transact(each) ?? fault;
    }
    const { refused } = await this.#commits.commitAll(plain, turnId);
    for (const { turn, message } of refused) {
      const each = plain.find((one) => one.turn === turn);
      if (each) await this.#culprits.find(each.view, turn, refusalOf(message));
    }
    // Whoever is in the way of one for long is not in the way of the others.
    for (const each of late) {
      if (!fault || clock.monotonic() < until) fault = await this.#transact(each) ?? fault;
    }
    if (fault) throw fault;
  }

  /** Gives what it is to be tried again for: what keeps one from its turn need not keep its neighbours. */
  async #transact(made: Viewed): Promise<UnavailableError | null> {
    try {
      const { failure } = await this.transactions.commit(made);
      if (failure) await this.#culprits.find(made.view, made.turn, failure);
      return null;
    } catch (error) {
      if (error instanceof UnavailableError) return error;
      throw error;
    }
  }

  /** One turn, in a statement or a transaction of its own. */
  async #commitAlone(made: Made): Promise<Fate> {
    if (made.turning.transactional.length > 0) return await this.transactions.commit(made);
    const { done, refused: [refused] } = await this.#commits.commitAll([made], null);
    const failure = refused ? refusalOf(refused.message) : null;
    return { isDone: done.length > 0, failure };
  }

  async #drop(names: readonly ActorName[]): Promise<void> {
    const count = await this.#host.store.actors.drop(names);
    if (count > 0) log.warn("Mail for nobody was thrown away", { count });
  }

  /** After the commit: wakes whoever has something to do now. */
  #tell(
    turns: readonly Turn[],
    started: ReadonlySet<string> = new Set(),
    isLate: boolean = false,
  ): void {
    const { store } = this.#host;
    if (this.#watchers.size > 0) {
      for (const turn of turns) {
        for (const watcher of [...this.#watchers.get(keyOf(turn)) ?? []]) watcher(turn);
      }
    }
    const waiting = turns.flatMap(({ jobs }) => jobs).filter(({ id }) => !started.has(id));
    const lanes: Lane[] = lanesOf(waiting);
    if (lanes.length > 0) store.hint({ kind: "lanes", lanes });
    const isOld = isLate || turns.some(({ offers }) => offers);
    if (isOld) this.cursor.rewind();
    const hasMail = turns.some(({ sent, offers }) => offers || sent.length > 0);
    if (hasMail) store.hint({ kind: "mail", isOld });
    if (!turns.some(({ left }) => left.length > 0)) return;
    // A sweep does the same: this is only sooner. It is about all of them, whoever's turn this was.
    store.within(null, () => this.#leftBehind.cancel())
      .catch((error) => log.debug("Activities are cancelled by the next sweep", { error }));
  }
}

function refusalOf(message: string): Failure {
  return { code: "refused_by_database", message };
}
