/**
 * Turns: takes actors whose mail is due, steps them in memory, commits many in one statement.
 *
 * Any number of processes may do so at any time. Which actors one has taken is told to the others as a
 * hint; what decides is the version of the actor's row. Whoever comes second has worked in vain.
 */
import { getLogger } from "@logtape/logtape";
import { messageOf } from "../core/actor/errors.ts";
import { ActorBlockedError } from "../core/actor/mod.ts";
import { type Clock } from "../core/clock.ts";
import { InvalidInputError, LeaseLostError, UnavailableError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import { allInTurn } from "../core/in_turn.ts";
import type {
  ActorName,
  ActorView,
  Lane,
  SendStatement,
  Store,
  TransactionSql,
  Turn,
  TurnRequest,
} from "../store/store.ts";
import { Blocked } from "./blocked.ts";
import type { ExplainHost } from "./explain.ts";
import { LeftBehind } from "./left_behind.ts";
import { Lines } from "./lines.ts";
import { activityType, type Machines } from "./machines.ts";
import { MailCursor } from "./mail_cursor.ts";
import { type After, isOwn, ownActions } from "./own_machines.ts";
import { isEnded } from "./place.ts";
import { keyOf, Relays } from "./relays.ts";
import { type CountDefaults, lanesOf } from "./preparing.ts";
import { TurnCommits, type TurnFate } from "./turn_commits.ts";
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
  readonly #commits: TurnCommits;
  readonly #leftBehind: LeftBehind;
  readonly #blocked: Blocked;
  readonly #activityTypes: ReadonlySet<string>;
  readonly #stepped: Pick<TurnRequest, "machines" | "charts">;
  #look = LOOK;

  constructor(host: TurnerHost) {
    this.#host = host;
    const { store, machines } = host;
    this.#leftBehind = new LeftBehind(host);
    this.cursor = new MailCursor(host.clock);
    this.#blocked = new Blocked(host, (turning) => this.commit(turning));
    const onDone = (turns: readonly Turn[], started: ReadonlySet<string>) =>
      this.#tell(turns, started);
    this.relays = new Relays({ ...host, onDone, isActivity: (type) => this.isActivity(type) });
    this.#commits = new TurnCommits({ store, worker: this.#worker, relays: this.relays, onDone });
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

  /** Commits one turn that was made elsewhere. False: the actor has moved on. */
  async commit(turning: Turning): Promise<boolean> {
    return (await this.commitOf(turning)).isDone;
  }

  /** The same, with the turn and when it was committed. */
  async commitOf(turning: Turning): Promise<Omit<TurnFate, "refusal">> {
    const turn = turning.finish();
    this.#host.store.actors.asked?.(turn);
    if (turning.transactional.length > 0) {
      return { turn, isDone: await this.#transact(turning, turn), at: null };
    }
    const { refusal, ...fate } = await this.#commits.commit({ turning, turn });
    if (refusal !== null) throw new InvalidInputError([{ path: "", message: refusal }]);
    return fate;
  }

  /** Makes one turn of a view. Null: there is nothing to commit. */
  turn(view: ActorView): Turning | null {
    const { machines, defaults } = this.#host;
    const isRunning = view.status === "active" || isEnded(view.status);
    if (!isRunning) {
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
      () => this.#host.store.actors.tidy(),
      () => this.#leftBehind.cancel(),
      () => this.#blocked.look(),
    );
  }

  /** Milliseconds until mail comes due; null: none waits. */
  nextDue(): Promise<number | null> {
    return this.#host.store.actors.nextDue({ ...this.#stepped, from: this.cursor.from });
  }

  async #turnAll(views: readonly ActorView[], turnId: string): Promise<void> {
    const made = views.map((view) => ({ view, turning: this.turn(view) }));
    const idle = made.filter(({ turning }) => turning === null).map(({ view }) => view);
    if (idle.length > 0) await this.#host.store.actors.park(idle);
    const turnings = made.map(({ turning }) => turning).filter((turning) => turning !== null);
    const plain = turnings.filter(({ transactional }) => transactional.length === 0);
    // Those first: the statement of the others ends the sparing.
    for (const turning of turnings) {
      if (turning.transactional.length > 0) await this.#transact(turning, turning.finish());
    }
    await this.#commitAll(plain, turnId);
  }

  /** One that PostgreSQL will not take stalls alone. */
  async #commitAll(turnings: readonly Turning[], turnId: string | null): Promise<void> {
    const made = turnings.map((turning) => ({ turning, turn: turning.finish() }));
    const { refused } = await this.#commits.commitAll(made, turnId);
    for (const { turn, message } of refused) {
      const turning = made.find((each) => each.turn === turn)?.turning;
      if (turning) await this.#stall(turning, "refused_by_database", message);
    }
  }

  /** Of its turn nothing is kept: it is what it was before. */
  async #stall({ seatBefore: seat }: Turning, code: string, reason: string): Promise<void> {
    const message = reason.slice(0, 2_000);
    const { id: actor, tenantId, machine } = seat;
    log.warn("An actor stalls", { actor, tenantId, machine, code });
    const fault = { code, path: "", message };
    const turning = new Turning(seat, null, this.#host.defaults);
    turning.mark("stalled", "STALL", message, fault);
    await this.#host.store.actors.commit(this.#worker, null, [turning.finish()]);
  }

  /** The turn in a transaction of its own, with what its actions write. */
  async #transact(turning: Turning, turn: Turn): Promise<boolean> {
    const { actors } = this.#host.store;
    const after: After[] = [];
    try {
      if (turn.birth) await actors.addTenant(turn.tenantId);
      const write = (sql: TransactionSql) => this.#act(turning, turn, sql);
      await actors.transact(this.#worker, turn.tenantId, write, async (send) => {
        after.push(...await this.#actOwn(turning, turn, send));
        return turn;
      });
      this.#tell([turn]);
      for (const tell of after) tell();
      return true;
    } catch (error) {
      if (error instanceof LeaseLostError) return false;
      if (error instanceof UnavailableError) throw error;
      if (turn.expected === null) throw error;
      await this.#stall(turning, "threw", messageOf(error));
      // What the turn was made of is not read: an event that came with it has to go by mail.
      return false;
    }
  }

  /** A birth whose turn depends on what is written before it, in one transaction of `capMs` at most. */
  async begin(
    tenantId: string,
    make: (send: SendStatement) => Promise<Turning>,
    capMs?: number,
  ): Promise<void> {
    const { actors } = this.#host.store;
    const born: Turn[] = [];
    const after: After[] = [];
    await actors.addTenant(tenantId);
    const nothing = () => Promise.resolve();
    await actors.transact(this.#worker, tenantId, nothing, async (send) => {
      const turning = await make(send);
      const turn = turning.finish();
      after.push(...await this.#actOwn(turning, turn, send));
      born.push(turn);
      return turn;
    }, capMs);
    this.#tell(born);
    for (const tell of after) tell();
  }

  /** Runs the transactional actions of a turn. */
  async #act(turning: Turning, turn: Turn, sql: TransactionSql): Promise<void> {
    if (isOwn(turning.seat.machine)) return;
    for (const { params, exec, given } of turning.transactional) {
      if (typeof given === "object") await given.run({ address: turn.id, params, sql });
      else await exec();
    }
  }

  /** The same of a machine of Perdura's own. Gives what is to be told after the commit. */
  async #actOwn(turning: Turning, turn: Turn, send: SendStatement): Promise<After[]> {
    if (!isOwn(turning.seat.machine)) return [];
    const { store, clock } = this.#host;
    const after: After[] = [];
    for (const { type, params } of turning.transactional) {
      const own = ownActions[type];
      if (!own) throw new Error(`A machine of Perdura's own asks for "${type}"`);
      after.push(await own({ store, clock }, send, turn, params));
    }
    return after;
  }

  async #drop(names: readonly ActorName[]): Promise<void> {
    const count = await this.#host.store.actors.drop(names);
    if (count > 0) log.warn("Mail for nobody was thrown away", { count });
  }

  /** After the commit: wakes whoever has something to do now. */
  #tell(turns: readonly Turn[], started: ReadonlySet<string> = new Set()): void {
    const { store } = this.#host;
    if (this.#watchers.size > 0) {
      for (const turn of turns) {
        for (const watcher of [...this.#watchers.get(keyOf(turn)) ?? []]) watcher(turn);
      }
    }
    const waiting = turns.flatMap(({ jobs }) => jobs).filter(({ id }) => !started.has(id));
    const lanes: Lane[] = lanesOf(waiting);
    if (lanes.length > 0) store.hint({ kind: "lanes", lanes });
    const isOld = turns.some(({ offers }) => offers);
    if (isOld) this.cursor.rewind();
    if (isOld || turns.some(({ sent }) => sent.length > 0)) store.hint({ kind: "mail", isOld });
    if (!turns.some(({ left }) => left.length > 0)) return;
    // A sweep does the same: this is only sooner. It is about all of them, whoever's turn this was.
    store.within(null, () => this.#leftBehind.cancel())
      .catch((error) => log.debug("Activities are cancelled by the next sweep", { error }));
  }
}
