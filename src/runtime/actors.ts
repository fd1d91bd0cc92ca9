/**
 * What clients do with actors: start them, send them events, look at them, wait for them.
 *
 * An event that is waited for is stepped at once in this process, after whatever mail is due before
 * it, and committed under the version that was read: two statements and no mailbox. Where that cannot
 * be (the machine is not here, the actor does not run, others are faster) it goes the way of all mail.
 */
import { type ActorSnapshot, foresee, type Foresight } from "../core/actor/mod.ts";
import { isRecord } from "../core/actor/envelope.ts";
import { matchesDescriptor } from "../core/actor/nodes.ts";
import {
  IdempotencyConflictError,
  InvalidInputError,
  NotFoundError,
  PerduraError,
  TransitionRejectedError,
  UnavailableError,
  UnknownMachineError,
  VersionConflictError,
} from "../core/errors.ts";
import { newId } from "../core/id.ts";
import { DEFAULT_TENANT, serialise } from "../core/job.ts";
import { findJsonIssue } from "../core/json.ts";
import { limits } from "../core/limits.ts";
import type { ActorFilter, ActorLine, ActorName, ActorView } from "../store/store.ts";
import {
  acceptsOf,
  type Actor,
  actorOf,
  type ActorTransition,
  pastOf,
  transitionOf,
} from "./actor_view.ts";
import { branched, type BranchOptions } from "./branching.ts";
import { isEnded, isIn, pathsOf } from "./place.ts";
import { MAIL_PER_ACTOR, type Turner, type TurnerHost } from "./turner.ts";
import { type Reading, type Seat, Turning } from "./turning.ts";

const TRIES = 5;
const ID_LENGTH_MAX = 200;
const WAIT_MS = 30_000;
const POLL_MS_MIN = 10;
const POLL_MS_MAX = 250;

/** How to start an actor. */
export interface StartOptions {
  readonly machine: string;
  /** Default: a new one. */
  readonly id?: string | undefined;
  readonly input?: unknown;
  readonly tenantId?: string | undefined;
  /** Sent to it in the same commit. */
  readonly event?: unknown;
}

/** Which actor, in which version. */
export interface ActorAim {
  /** Null: of any tenant. */
  readonly tenantId?: string | null | undefined;
  /** Only if it has this version. */
  readonly expectVersion?: number | null | undefined;
  /** The version came by If-Match. */
  readonly conditional?: boolean;
}

/** How to send an event. */
export interface SendEventOptions extends ActorAim {
  /** Sent twice with the same key, it is the same event. */
  readonly key?: string | undefined;
  /** How long to wait for its turn where it cannot be made at once. Default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/** What became of an event. */
export interface EventResult {
  readonly outcome: "handled" | "unhandled" | "deferred";
  readonly reason: string | null;
  readonly actor: Actor;
}

/** What to wait for: its end, a tag, or a state. */
export type Until = "done" | { readonly tag: string } | { readonly state: string };

/** The client side of actors. */
export class Actors {
  readonly #host: TurnerHost;
  readonly #turner: Turner;

  constructor(host: TurnerHost, turner: Turner) {
    this.#host = host;
    this.#turner = turner;
  }

  /**
   * Starts an actor; once per id. The same id and input again give the actor that is there.
   *
   * @throws {UnknownMachineError | InvalidInputError} Nothing was stored.
   * @throws {IdempotencyConflictError} The id belongs to one with another machine or input.
   */
  async start(options: StartOptions): Promise<{ actor: Actor; created: boolean }> {
    const { machine, id = newId(), input, event, tenantId = DEFAULT_TENANT } = options;
    const { machines } = this.#host;
    const definition = machines.latest(machine)?.definition;
    if (!definition) throw new UnknownMachineError(machine, "machine", machines.names);
    checkId(id);
    checkJson("input", input ?? null);
    const seat = seatOf(tenantId, id, definition.identity);
    const turning = this.#turning(seat, { input: input ?? null, origin: null });
    starting(() => turning.begin(input, "client"));
    if (event !== undefined) {
      checkEvent(event);
      this.#offer(turning, event, newId(), null, seat);
    }
    const name = { tenantId, id };
    const created = await this.#turner.commit(turning);
    const row = await this.#row(name);
    const isSame = row.machine === machine && canonical(row.input) === canonical(input ?? null);
    if (!created && !isSame) {
      const message = `Actor "${id}" is there already, of another machine or input`;
      throw new IdempotencyConflictError(id, id, message);
    }
    return { actor: actorOf(row, machines), created };
  }

  /**
   * Sends an event and waits for its turn.
   *
   * @throws {NotFoundError | InvalidInputError | VersionConflictError}
   * @throws {TransitionRejectedError} It has ended, or its machine refuses what it does not handle.
   */
  async send(id: string, event: unknown, options: SendEventOptions = {}): Promise<EventResult> {
    checkEvent(event);
    const key = options.key ?? null;
    const mailId = newId();
    for (let tries = 0; tries < TRIES; tries++) {
      const view = await this.#view(id, options, key);
      if (view.known !== null) return await this.#outcome(view, view.known, 0, options.timeoutMs);
      this.#demandLive(view, event);
      const reading = await this.#turnWith(view, event, mailId, key);
      if (reading === "mail") break;
      if (reading === null) continue;
      return { ...readingOf(reading), actor: await this.#actor(view) };
    }
    const view = await this.#view(id, options, key);
    this.#demandLive(view, event);
    const sent = await this.#post(view, { event }, "event", mailId, key);
    if (view.status === "active") await this.#turnInline(view);
    return await this.#outcome(view, sent, view.version, options.timeoutMs);
  }

  /** The same: the answer comes after the event's turn. */
  ask(id: string, event: unknown, options: SendEventOptions = {}): Promise<EventResult> {
    return this.send(id, event, options);
  }

  /** Stores an event, and does not wait for its turn. Gives the id of its mail. */
  async post(id: string, event: unknown, options: SendEventOptions = {}): Promise<string> {
    checkEvent(event);
    const key = options.key ?? null;
    const view = await this.#view(id, options, key);
    if (view.known !== null) return view.known;
    this.#demandLive(view, event);
    return await this.#post(view, { event }, "event", newId(), key);
  }

  /** What an event would do. Nothing is stored. */
  async foresee(id: string, event: unknown, options: ActorAim = {}): Promise<Foresight> {
    checkEvent(event);
    const view = await this.#view(id, options, null);
    this.#demandLive(view, event);
    const logic = this.#host.machines.logicOf(view);
    if (!logic) throw new UnknownMachineError(view.machine, "machine", this.#host.machines.names);
    const { registry, snapshot } = view;
    const seen = foresee(logic.subject, { address: view.id, snapshot, event, registry });
    const isRefused = seen.outcome === "unhandled" && logic.definition?.unhandled === "reject";
    if (isRefused) throw this.#rejected(view, event, seen.reason ?? null);
    return seen;
  }

  /** One actor, or as it was at a version. @throws {NotFoundError} */
  async get(tenantId: string | null, id: string, atVersion?: number): Promise<Actor> {
    const row = await this.#rowOf(tenantId, id);
    const { machines, store } = this.#host;
    if (atVersion === undefined || atVersion === row.version) return actorOf(row, machines);
    const { step, snapshot } = await pastOf(store.actors, row, atVersion);
    const { version, status, tags, to: state, at: updatedAt } = step;
    const past = { ...row, version, status, tags, state, updatedAt, snapshot, fault: null };
    return actorOf({ ...past, timers: [], activities: [], children: [] }, machines);
  }

  /** One page of a tenant's actors, in the order of their ids. */
  list(filter: ActorFilter, after: string, limit: number): Promise<ActorLine[]> {
    return this.#host.store.actors.list(filter, after, limit);
  }

  /** Its steps after a version, ascending. @throws {NotFoundError} */
  async history(
    tenantId: string | null,
    id: string,
    after: number,
    limit: number,
  ): Promise<ActorTransition[]> {
    const row = await this.#rowOf(tenantId, id);
    const steps = await this.#host.store.actors.history(row, after, row.version, limit, false);
    return steps.map(transitionOf);
  }

  /**
   * Resolves when it is, or since the call has been, as wanted; null: not in time, or it has ended
   * otherwise.
   */
  async wait(
    tenantId: string | null,
    id: string,
    until: Until,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Actor | null> {
    const { machines, store, clock } = this.#host;
    const deadline = clock.monotonic() + (options.timeoutMs ?? WAIT_MS);
    let row = await this.#rowOf(tenantId, id);
    let seen = row.version;
    for (let pauseMs = POLL_MS_MIN;; pauseMs = Math.min(pauseMs * 1.5, POLL_MS_MAX)) {
      if (isMet(until, row)) return actorOf(row, machines);
      if (row.version > seen) {
        const steps = await store.actors.history(row, seen, row.version, limits.pageMax, false);
        const met = steps.find((step) => isMet(until, { ...step, state: step.to }));
        if (met) return await this.get(row.tenantId, id, met.version);
        seen = steps.at(-1)?.version ?? row.version;
      }
      const leftMs = deadline - clock.monotonic();
      if (leftMs <= 0 || options.signal?.aborted || isEnded(row.status)) return null;
      await this.#pause(row, Math.min(pauseMs, leftMs));
      row = await this.#rowOf(row.tenantId, id);
    }
  }

  /** Asks it to end: its machine decides, by `CANCEL`; one that does not is stopped as a whole. */
  async cancel(id: string, reason: string, options: ActorAim = {}): Promise<Actor> {
    const view = await this.#view(id, options, null);
    this.#demandLive(view, { type: "CANCEL" });
    if (view.status !== "active") {
      return await this.#control(id, options, (turning) => {
        turning.end("cancelled", "CANCEL", reason);
        turning.tellParent(new Error(`Cancelled: ${reason}`));
      });
    }
    const mailId = await this.#post(view, { reason }, "cancel", newId(), null);
    await this.#turnInline(view);
    return (await this.#outcome(view, mailId, view.version, WAIT_MS)).actor;
  }

  /** Steps it no more, until it is resumed. Its mail is kept; its activities and timers go on. */
  pause(id: string, options: ActorAim = {}): Promise<Actor> {
    return this.#control(id, options, (turning, view) => {
      if (view.status !== "active") throw this.#rejected(view, { type: "PAUSE" }, view.status);
      turning.mark("paused", "PAUSE", "client");
    });
  }

  /**
   * Steps it again, after a pause or when what it stalled on has been repaired.
   *
   * @param skip Throw away the mail it stalled on.
   */
  resume(id: string, options: ActorAim & { readonly skip?: boolean } = {}): Promise<Actor> {
    return this.#control(id, options, async (turning, view) => {
      if (!["paused", "stalled", "blocked"].includes(view.status)) {
        throw this.#rejected(view, { type: "RESUME" }, view.status);
      }
      const { fault } = await this.#row(view);
      if (options.skip && isRecord(fault) && typeof fault.mailId === "string") {
        turning.skip(fault.mailId);
      }
      turning.mark("active", "RESUME", "client");
    });
  }

  /** Ends it now, whatever it is at. */
  terminate(id: string, reason: string, options: ActorAim = {}): Promise<Actor> {
    return this.#control(id, options, (turning, view) => {
      this.#demandLive(view, { type: "TERMINATE" });
      turning.end("terminated", "TERMINATE", reason);
      turning.tellParent(new Error(`Terminated: ${reason}`));
    });
  }

  /** A new actor from a moment of this one's past. */
  async fork(
    id: string,
    options: ActorAim & BranchOptions & { readonly at: number; readonly as?: string },
  ): Promise<Actor> {
    const { store, machines } = this.#host;
    const view = await this.#view(id, options, null);
    if (view.parentId !== null) throw noChild("forked");
    const newName = { tenantId: view.tenantId, id: options.as ?? newId() };
    checkId(newName.id);
    const branch = await branched(store.actors, machines, view, newName.id, options);
    const seat = {
      ...seatOf(newName.tenantId, newName.id, branch.snapshot.machine),
      machine: view.machine,
      rootMachine: view.rootMachine,
    };
    const { input } = await this.#row(view);
    const origin = { actor: view.id, version: options.at };
    const turning = this.#turning(seat, { input, origin });
    turning.replace("FORK", branch.snapshot, branch.effects, `${view.id}@${options.at}`);
    for (const { kind, body } of branch.mail) turning.post(newName.id, kind, body);
    if (!await this.#turner.commit(turning)) {
      const message = `Actor "${newName.id}" is there already`;
      throw new IdempotencyConflictError(newName.id, newName.id, message);
    }
    return await this.#actor(newName);
  }

  /** Takes it back to a moment of its past: what it has begun since is left, late results are dropped. */
  rewind(
    id: string,
    options: ActorAim & BranchOptions & { readonly at: number },
  ): Promise<Actor> {
    const { store, machines } = this.#host;
    return this.#control(id, options, async (turning, view) => {
      if (view.parentId !== null) throw noChild("rewound");
      const branch = await branched(
        store.actors,
        machines,
        view,
        view.id,
        options,
        turning.snapshot,
      );
      turning.replace("REWIND", branch.snapshot, branch.effects, `version ${options.at}`);
      for (const { kind, body } of branch.mail) turning.post(view.id, kind, body);
    });
  }

  // ────────────────────────────────────────────────────────────────────────────────────────────

  #turning(seat: Seat, birth: { input: unknown; origin: unknown } | null = null): Turning {
    const { machines, defaults } = this.#host;
    return new Turning(seat, machines.logicOf(seat) ?? null, defaults, birth);
  }

  /** Null: somebody was faster. `mail`: it must go by mail. */
  async #turnWith(
    view: ActorView,
    event: unknown,
    mailId: string,
    key: string | null,
  ): Promise<Reading | "mail" | null> {
    const { machines } = this.#host;
    const isHere = view.status === "active" && machines.logicOf(view) && view.snapshot !== null;
    if (!isHere || view.mail.length >= MAIL_PER_ACTOR) return "mail";
    const turning = this.#turning(view);
    turning.takeAll(view.mail);
    if (turning.isOver || isEnded(turning.status)) {
      await this.#turner.commit(turning);
      return null;
    }
    try {
      const reading = this.#offer(turning, event, mailId, key, view);
      return await this.#turner.commit(turning) ? reading : null;
    } catch (error) {
      if (error instanceof InvalidInputError) throw asSent(error);
      if (error instanceof PerduraError) throw error;
      // The machine's own fault: by mail it stalls, and the event is kept.
      return "mail";
    }
  }

  /** Steps an event by the policy of the machine. @throws {TransitionRejectedError} */
  #offer(
    turning: Turning,
    event: unknown,
    mailId: string,
    key: string | null,
    view: Seat,
  ): Reading {
    const logic = this.#host.machines.logicOf(view);
    const policy = logic?.definition?.unhandled ?? "record";
    if (policy !== "record" && logic) {
      const { id, registry } = view;
      const { snapshot } = turning;
      // What no state knows is refused before its fields are looked at.
      const now = { ...view, snapshot, state: stateOf(turning) };
      const isKnown = acceptsOf(now, this.#host.machines).some((descriptor) =>
        matchesDescriptor(typeOf(event), descriptor)
      );
      if (!isKnown && policy === "reject") throw this.#rejected(now, event, "not accepted now");
      const seen = foresee(logic.subject, { address: id, snapshot, event, registry });
      const isIdle = seen.outcome === "unhandled";
      const reason = seen.reason ?? null;
      if (isIdle && policy === "reject") {
        throw this.#rejected(now, event, reason);
      }
      if (isIdle && reason !== "forbidden") {
        turning.defer(event, mailId, key, reason);
        return { outcome: "deferred", reason };
      }
    }
    return turning.offer(event, mailId, key);
  }

  /** A change that is no event: made again when somebody was faster. */
  async #control(
    id: string,
    options: ActorAim,
    change: (turning: Turning, view: ActorView) => void | Promise<void>,
  ): Promise<Actor> {
    for (let tries = 0; tries < TRIES; tries++) {
      const view = await this.#view(id, options, null);
      const turning = this.#turning(view);
      await change(turning, view);
      if (await this.#turner.commit(turning)) return await this.#actor(view);
    }
    throw new UnavailableError(`Actor "${id}" is busy; send it again`);
  }

  /** Makes turns of one actor until its mail is read, or others are at it. */
  async #turnInline({ tenantId, id }: ActorName): Promise<void> {
    const { actors } = this.#host.store;
    for (let tries = 0; tries < TRIES; tries++) {
      const view = await actors.read(tenantId, id, MAIL_PER_ACTOR, null);
      if (!view || view.mail.length === 0 || !this.#host.machines.logicOf(view)) return;
      const turning = this.#turner.turn(view);
      if (!turning) return;
      await this.#turner.commit(turning);
    }
  }

  async #post(
    name: ActorName,
    body: object,
    kind: "event" | "cancel",
    mailId: string,
    key: string | null,
  ): Promise<string> {
    const { store } = this.#host;
    const { tenantId, id } = name;
    const sent = await store.actors.send([{ tenantId, id, mailId, kind, key, body }]);
    store.hint({ kind: "mail" });
    if (sent.has(mailId) || key === null) return mailId;
    return await store.actors.mailOfKey(name, key) ?? mailId;
  }

  /** What became of a mail, or `deferred` when it has not been read in time. */
  async #outcome(
    name: ActorName,
    mailId: string,
    afterVersion: number,
    timeoutMs = WAIT_MS,
  ): Promise<EventResult> {
    const { store, clock } = this.#host;
    const deadline = clock.monotonic() + timeoutMs;
    for (let pauseMs = POLL_MS_MIN;; pauseMs = Math.min(pauseMs * 1.5, POLL_MS_MAX)) {
      const fate = await store.actors.fate(name, mailId, afterVersion);
      if (fate && fate.version !== null) {
        const reading = { outcome: fate.outcome ?? "handled", reason: fate.reason };
        return { ...readingOf(reading), actor: await this.#actor(name) };
      }
      const isWaiting = !fate || fate.status === "active";
      if (!isWaiting || clock.monotonic() >= deadline) {
        const reason = isWaiting ? "timeout" : fate.status;
        return { outcome: "deferred", reason, actor: await this.#actor(name) };
      }
      await this.#pause(name, pauseMs);
    }
  }

  /** Until this process commits a turn of the actor, or for a while. */
  #pause({ tenantId, id }: ActorName, ms: number): Promise<void> {
    return new Promise((done) => {
      const over = () => {
        clearTimeout(timer);
        stop();
        done();
      };
      const timer = setTimeout(over, ms);
      const stop = this.#turner.watch((turns) => {
        if (turns.some((turn) => turn.id === id && turn.tenantId === tenantId)) over();
      });
    });
  }

  async #view(id: string, aim: ActorAim, key: string | null): Promise<ActorView> {
    const { actors } = this.#host.store;
    const view = await actors.read(aim.tenantId ?? null, id, MAIL_PER_ACTOR, key);
    if (!view) throw new NotFoundError("actor", id);
    const expected = aim.expectVersion ?? null;
    if (expected !== null && expected !== view.version && view.known === null) {
      throw new VersionConflictError(expected, view.version, aim.conditional ?? false);
    }
    return view;
  }

  #demandLive(view: ActorView, event: unknown): void {
    if (isEnded(view.status)) throw this.#rejected(view, event, view.status);
  }

  #rejected(
    view: Seat,
    event: unknown,
    reason: string | null,
  ): TransitionRejectedError {
    const type = typeOf(event);
    const accepts = acceptsOf(view, this.#host.machines);
    const may = accepts.length > 0 ? accepts.join(", ") : "nothing";
    const where = isEnded(view.status) ? `that is ${view.status}` : `in state "${view.state}"`;
    const detail = `An actor ${where} does not accept ${type} (${reason}); it accepts ${may}`;
    return new TransitionRejectedError(view.state, view.version, type, accepts, detail);
  }

  async #actor(name: ActorName): Promise<Actor> {
    return actorOf(await this.#row(name), this.#host.machines);
  }

  #row({ tenantId, id }: ActorName) {
    return this.#rowOf(tenantId, id);
  }

  async #rowOf(tenantId: string | null, id: string) {
    const row = await this.#host.store.actors.get(tenantId, id);
    if (!row) throw new NotFoundError("actor", id);
    return row;
  }
}

function typeOf(event: unknown): string {
  return isRecord(event) ? String(event.type) : "?";
}

function stateOf({ snapshot }: Turning): string {
  return snapshot ? pathsOf(snapshot.value).join(",") : "";
}

function readingOf({ outcome, reason }: Reading): Pick<EventResult, "outcome" | "reason"> {
  if (outcome === "deferred") return { outcome, reason };
  if (outcome === "handled" || outcome === "started") return { outcome: "handled", reason };
  return outcome === "cancelled"
    ? { outcome: "handled", reason }
    : { outcome: "unhandled", reason: reason ?? outcome };
}

function isMet(
  until: Until,
  at: {
    readonly status: ActorView["status"];
    readonly state: string;
    readonly tags: readonly string[];
  },
): boolean {
  if (until === "done") return isEnded(at.status);
  return "tag" in until ? at.tags.includes(until.tag) : isIn(at.state, until.state);
}

function seatOf(
  tenantId: string,
  id: string,
  { name, version, hash }: ActorSnapshot["machine"],
): Seat {
  return {
    tenantId,
    id,
    uid: newId(),
    rootId: id,
    parentId: null,
    machine: name,
    rootMachine: name,
    machineVersion: version,
    machineHash: hash,
    status: "active",
    version: 0,
    state: "",
    snapshot: null,
    isNewDay: false,
    registry: {},
  };
}

/** What a machine's code throws at a first step is the input's fault, as far as anybody can tell. */
function starting(begin: () => void): void {
  try {
    begin();
  } catch (error) {
    if (error instanceof PerduraError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new InvalidInputError([{ path: "input", message: message.slice(0, 500) }]);
  }
}

/** An event is sent flat: its fields are at the top. */
function asSent({ issues }: InvalidInputError): InvalidInputError {
  return new InvalidInputError(issues.map(({ path, message }) => ({
    path: path.replace(/^event\.?/, ""),
    message,
  })));
}

function checkId(id: string): void {
  const length = [...id].length;
  const problem = length < 1 || length > ID_LENGTH_MAX
    ? `Must have 1 to ${ID_LENGTH_MAX} characters`
    : id.includes("/")
    ? "Must not hold a slash: that is for children"
    : !id.isWellFormed() || id.includes("\0")
    ? "Must be text that can be stored"
    : null;
  if (problem) throw new InvalidInputError([{ path: "id", message: problem }]);
}

function checkEvent(event: unknown): void {
  if (!isRecord(event) || typeof event.type !== "string" || event.type === "") {
    const message = "An event is an object with a type, a text that is not empty";
    throw new InvalidInputError([{ path: "type", message }]);
  }
  if (event.type.startsWith("xstate.")) {
    const message = `"${event.type.slice(0, 100)}" is XState's own: nobody can send it`;
    throw new InvalidInputError([{ path: "type", message }]);
  }
  checkJson("event", event);
}

function checkJson(path: string, value: unknown): void {
  const issue = findJsonIssue(value, path);
  if (issue) throw new InvalidInputError([issue]);
  serialise("Event", value, limits.payloadBytesMax);
}

function noChild(what: string): InvalidInputError {
  return new InvalidInputError([{
    path: "id",
    message: `A child cannot be ${what}: its root can`,
  }]);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(",")}}`;
}
