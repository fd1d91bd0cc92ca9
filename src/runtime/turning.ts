/**
 * One turn of one actor, in memory: mail in, and in the end everything that is to be committed.
 *
 * Pure but for what the machine's own code does. A mail that cannot be stepped stalls or blocks the
 * actor and stays in its mailbox; what was read before it in the turn is committed all the same.
 */
import { getLogger } from "@logtape/logtape";
import {
  ActorBlockedError,
  type ActorSnapshot,
  ActorStalledError,
  diff,
  type Effect,
  idOf,
  step,
  type StepInput,
  type StepResult,
  stop,
} from "../core/actor/mod.ts";
import type { Origin } from "../core/actor/effects.ts";
import { encodeThrown } from "../core/actor/mail.ts";
import { isRecord } from "../core/actor/envelope.ts";
import { sourcesOf } from "../core/actor/sources.ts";
import { InvalidInputError, PayloadTooLargeError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { ActorStatus, ActorStep, ActorView, Letterbox, Turn } from "../store/store.ts";
import { Consequences, described, type TransactionalAction } from "./consequences.ts";
import type { Logic } from "./machines.ts";
import { isEnded, placeOf, statusOf } from "./place.ts";
import type { CountDefaults } from "./preparing.ts";

const log = getLogger(["perdura", "actors"]);

/** So often the history has a whole snapshot. */
const SNAPSHOT_EVERY = 50;
/** Mail that an actor may put off; more is recorded as unhandled. */
export const DEFERRED_MAX = 20;

/** What an actor is before its first turn. */
export type Seat = Omit<ActorView, "mail" | "known">;

/** An actor that is born by its turn. */
export interface Birth {
  readonly input: unknown;
  readonly origin: unknown;
}

/** What became of one event. */
export interface Reading {
  readonly outcome: string;
  readonly reason: string | null;
}

/** What a mail is to a step. */
interface Incoming {
  readonly id: string | null;
  readonly event: unknown;
  readonly from?: Origin | undefined;
  readonly cause: string | null;
  readonly gen: number | null;
}

/** A turn being made. */
export class Turning {
  readonly seat: Seat;
  readonly #logic: Logic | null;
  readonly #birth: Birth | null;
  readonly #to: Consequences;
  readonly #steps: ActorStep[] = [];
  readonly #read: string[] = [];
  readonly #putOff: string[] = [];
  readonly #keys: { key: string; mailId: string }[] = [];
  #waiting: Letterbox[] = [];
  #snapshot: ActorSnapshot | null;
  #version: number;
  #status: ActorStatus;
  #state: string;
  #tags: readonly string[] = [];
  #fault: unknown = null;
  #systemId: string | null = null;
  #machine: string | null = null;
  #offers = false;
  #isOver = false;

  /** @param logic Null where nothing is to be stepped: a stop needs no machine. */
  constructor(
    seat: Seat,
    logic: Logic | null,
    defaults: CountDefaults,
    birth: Birth | null = null,
  ) {
    this.seat = seat;
    this.#logic = logic;
    this.#birth = birth;
    this.#to = new Consequences({ ...seat, logic, defaults });
    this.#snapshot = readSnapshot(seat.snapshot);
    this.#version = seat.version;
    this.#status = seat.status;
    this.#state = seat.state;
    if (this.#snapshot && logic) this.#tags = placeOf(logic, this.#snapshot).tags;
  }

  /** Nothing more may be taken: it has stalled or is blocked. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get snapshot(): ActorSnapshot | null {
    return this.#snapshot;
  }

  get status(): ActorStatus {
    return this.#status;
  }

  /** Actions that need the turn's transaction. */
  get transactional(): readonly TransactionalAction[] {
    return this.#to.transactional;
  }

  /** Whether anything has been taken. */
  get isEmpty(): boolean {
    return this.#steps.length === 0 && this.#read.length === 0 && this.#putOff.length === 0;
  }

  /** The first step of an actor. @throws {InvalidInputError | ActorStalledError} */
  begin(input: unknown, cause: string | null): void {
    const { id, registry } = this.seat;
    const result = this.#step({ address: id, input, registry });
    this.#settle(result, { id: null, event: { type: "START", input }, cause, gen: null }, "START");
  }

  /** Takes the mail of a view, in order, until something stops it. */
  takeAll(mail: readonly Letterbox[]): void {
    // A start that waits comes before whatever was sent to the address meanwhile.
    const isStart = ({ kind }: Letterbox) => this.#snapshot === null && kind === "start";
    const ordered = [...mail.filter(isStart), ...mail.filter((each) => !isStart(each))];
    this.#waiting = ordered.filter(({ deferred }) => deferred);
    for (const letter of ordered) {
      if (this.#isOver) return;
      if (!letter.deferred) this.#take(letter);
    }
  }

  /** An event from outside that is in no mailbox. Throws what would stall the actor. */
  offer(event: unknown, mailId: string, key: string | null): Reading {
    const before = this.#state;
    const incoming = { id: mailId, event, cause: "client", gen: null };
    const { id, registry } = this.seat;
    const result = this.#step({ address: id, snapshot: this.#snapshot, event, registry });
    const reading = this.#settle(result, incoming);
    if (key !== null) this.#keys.push({ key, mailId });
    if (this.#state !== before) this.#offerAgain();
    return reading;
  }

  /** Puts an event off that the machine does not handle now. */
  defer(event: unknown, mailId: string, key: string | null, reason: string | null): void {
    const incoming = { id: mailId, event, cause: "client", gen: null };
    this.#record(typeOf(event), incoming, "deferred", { reason });
    this.#to.sent.push({
      id: mailId,
      to: this.seat.id,
      kind: "event",
      gen: null,
      delayMs: 0,
      timerId: null,
      body: { event },
      deferred: true,
    });
    if (key !== null) this.#keys.push({ key, mailId });
  }

  /** Ends it from outside: its children and activities are stopped, its timers forgotten. */
  end(status: "cancelled" | "terminated", event: string, cause: string | null): void {
    const before = this.#snapshot;
    if (before) {
      const { snapshot, effects } = stop(before);
      this.#take2(effects, before, null);
      this.#snapshot = snapshot;
      this.#status = status;
      this.#systemId = "";
      this.#record(event, { id: null, event: null, cause, gen: null }, status, { effects, before });
    } else {
      this.#status = status;
      this.#record(event, { id: null, event: null, cause, gen: null }, status);
    }
    this.#fault = null;
    this.#offers = true;
  }

  /** Its parent waits for an end, and gets an error. */
  tellParent(error: unknown): void {
    const birth = this.#snapshot?.birth;
    if (!birth) return;
    const childId = idOf(this.seat.id, birth.parent);
    const event = {
      type: `xstate.error.actor.${childId}`,
      error: encodeThrown(error),
      actorId: childId,
    };
    this.#to.mail(birth.parent, "event", { event, from: { childId, gen: birth.gen } });
  }

  /** Throws a mail away that no step can read. */
  skip(mailId: string): void {
    this.#read.push(mailId);
  }

  /** Another status, and nothing else. */
  mark(status: ActorStatus, event: string, cause: string | null, fault: unknown = null): void {
    this.#status = status;
    this.#fault = fault;
    this.#offers = status === "active";
    this.#record(event, { id: null, event: null, cause, gen: null }, status);
  }

  /** Another snapshot in place of this one, with what it takes to get there. */
  replace(
    event: string,
    snapshot: ActorSnapshot,
    effects: readonly Effect[],
    cause: string | null,
  ): void {
    const before = this.#snapshot;
    this.#take2(effects, before ?? snapshot, null);
    this.#snapshot = snapshot;
    this.#status = statusOf(snapshot);
    this.#fault = null;
    this.#offers = true;
    this.#place();
    this.#record(event, { id: null, event: null, cause, gen: null }, "replaced", {
      effects,
      before,
      isWhole: true,
    });
  }

  /** Mail of another kind, from outside. */
  post(to: string, kind: "event" | "done" | "failed", body: unknown): void {
    this.#to.mail(to, kind, body);
  }

  /** A fault that the database told of: the first mail is to blame. */
  static stalled(seat: Seat, defaults: CountDefaults, fault: unknown): Turn {
    const turning = new Turning(seat, null, defaults);
    turning.mark("stalled", "STALL", null, fault);
    return turning.finish();
  }

  finish(): Turn {
    const { seat } = this;
    const { machine } = this.#snapshot ?? {};
    const isChild = seat.parentId !== null;
    return {
      tenantId: seat.tenantId,
      id: seat.id,
      expected: this.#birth ? null : seat.version,
      version: this.#version,
      status: this.#status,
      state: this.#state,
      tags: this.#tags,
      machine: this.#birth ? seat.machine : this.#machine,
      systemId: isEnded(this.#status) ? "" : this.#systemId,
      fault: this.#fault,
      snapshot: this.#snapshot,
      machineVersion: isChild ? seat.machineVersion : machine?.version ?? seat.machineVersion,
      machineHash: machine?.hash ?? seat.machineHash,
      offers: this.#offers,
      birth: this.#birth && { ...this.#birth, uid: seat.uid, rootMachine: seat.rootMachine },
      steps: this.#steps,
      read: this.#read,
      forget: [...this.#to.forget],
      sent: this.#to.sent,
      children: this.#to.children,
      jobs: this.#to.jobs,
      activities: this.#to.activities,
      left: this.#to.left,
      keys: this.#keys,
      putOff: this.#putOff,
    };
  }

  // ── one mail ────────────────────────────────────────────────────────────────────────────────

  #take(letter: Letterbox): void {
    const before = this.#state;
    try {
      this.#takeOne(letter);
    } catch (error) {
      return this.#halt(letter, error);
    }
    if (this.#state !== before) this.#offerAgain();
  }

  #takeOne(letter: Letterbox): void {
    const body: Record<string, unknown> = isRecord(letter.body) ? letter.body : {};
    switch (letter.kind) {
      case "start":
        return this.#start(letter, body);
      case "stop":
        return this.#stop(letter, body);
      case "cancel":
        return this.#cancel(letter, body);
      case "late": {
        const type = `xstate.done.actor.${body.childId}`;
        this.#record(type, { ...incomingOf(letter), event: body }, "stale", { reason: "left" });
        this.#read.push(letter.id);
        return;
      }
      default:
        return this.#event(letter, incomingOf(letter));
    }
  }

  #event(letter: Letterbox, incoming: Incoming): void {
    const { birth } = this.#snapshot ?? {};
    if (incoming.gen !== null && incoming.gen !== birth?.gen) {
      this.#record(typeOf(incoming.event), incoming, "stale", { reason: "incarnation" });
      this.#read.push(letter.id);
      return;
    }
    const { id, registry } = this.seat;
    const { event, from } = incoming;
    let result;
    try {
      result = this.#step({ address: id, snapshot: this.#snapshot, event, from, registry });
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      this.#record(typeOf(event), incoming, "unhandled", { reason: "invalid" });
      this.#read.push(letter.id);
      return;
    }
    if (this.#mayDefer(result, letter)) {
      this.#record(typeOf(event), incoming, "deferred", { reason: result.reason ?? null });
      this.#putOff.push(letter.id);
      this.#waiting.push({ ...letter, deferred: true });
      return;
    }
    this.#settle(result, incoming);
    this.#read.push(letter.id);
  }

  #mayDefer({ outcome, reason }: StepResult, { sender, body }: Letterbox): boolean {
    if (this.#logic?.definition?.unhandled !== "defer" || outcome !== "unhandled") return false;
    const isInternal = isRecord(body) && body.from !== undefined && sender !== null;
    return !isInternal && reason !== "forbidden" && this.#waiting.length < DEFERRED_MAX;
  }

  /** Mail that was put off, in order, as long as it leads on. */
  #offerAgain(): void {
    for (const letter of [...this.#waiting]) {
      if (this.#isOver || !this.#waiting.includes(letter)) continue;
      const before = this.#state;
      const incoming = incomingOf(letter);
      const { id, registry } = this.seat;
      try {
        const { event, from } = incoming;
        const result = this.#step({ address: id, snapshot: this.#snapshot, event, from, registry });
        if (result.outcome === "unhandled") continue;
        this.#settle(result, incoming);
      } catch (error) {
        return this.#halt(letter, error);
      }
      this.#waiting = this.#waiting.filter((each) => each !== letter);
      this.#read.push(letter.id);
      const place = this.#putOff.indexOf(letter.id);
      if (place >= 0) this.#putOff.splice(place, 1);
      if (this.#state !== before) return this.#offerAgain();
    }
  }

  #start(letter: Letterbox, body: Record<string, unknown>): void {
    const gen = Number(body.gen);
    const { birth, status } = this.#snapshot ?? {};
    const incoming = { ...incomingOf(letter), event: { type: "START", input: body.input } };
    this.#read.push(letter.id);
    if (birth && birth.gen >= gen) return void this.#record("START", incoming, "stale");
    if (status === "active") this.end("cancelled", "STOP", letter.sender);
    const { id, parentId, registry } = this.seat;
    const sync = body.sync === true;
    const { input } = body;
    const parent = parentId ?? undefined;
    this.#systemId = typeof body.systemId === "string" ? body.systemId : null;
    this.#machine = typeof body.machine === "string" ? body.machine : null;
    const result = this.#step({ address: id, parent, input, gen, sync, registry });
    this.#settle(result, incoming, "START");
  }

  #stop(letter: Letterbox, { gen }: Record<string, unknown>): void {
    this.#read.push(letter.id);
    const isOurs = this.#snapshot?.birth?.gen === gen && !isEnded(this.#status);
    if (isOurs) this.end("cancelled", "STOP", letter.sender);
    else this.#record("STOP", incomingOf(letter), "stale");
  }

  /** The machine decides; one that does not handle `CANCEL` is ended. */
  #cancel(letter: Letterbox, { reason }: Record<string, unknown>): void {
    this.#read.push(letter.id);
    const text = typeof reason === "string" ? reason : "cancel";
    const event = { type: "CANCEL", reason: text };
    const incoming = { ...incomingOf(letter), event, cause: text };
    if (isEnded(this.#status)) return void this.#record("CANCEL", incoming, "ended");
    const { id, registry } = this.seat;
    try {
      const result = this.#step({ address: id, snapshot: this.#snapshot, event, registry });
      if (result.outcome === "handled") return void this.#settle(result, incoming);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
    }
    this.end("cancelled", "CANCEL", text);
    this.tellParent(new Error(`Cancelled: ${text}`));
  }

  // ── one step ────────────────────────────────────────────────────────────────────────────────

  #step(input: Omit<StepInput, "snapshot"> & { snapshot?: ActorSnapshot | null }): StepResult {
    if (!this.#logic) {
      throw new ActorBlockedError("machine_mismatch", "", "Nothing to step it with");
    }
    const { snapshot, ...rest } = input;
    const at = snapshot === null ? {} : { snapshot };
    const result = step(this.#logic.subject, { ...rest, ...at });
    const size = JSON.stringify(result.snapshot).length;
    if (size > limits.payloadBytesMax) {
      const reason = `Its snapshot would take ${size} bytes; ${limits.payloadBytesMax} may be`;
      throw new ActorStalledError("not_serialisable", "snapshot", reason);
    }
    this.#runInline(result.effects);
    return result;
  }

  /** Functions that stand in the chart itself run here: nobody could find them again. */
  #runInline(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === "log") log.debug("Actor logs", { actor: this.seat.id });
      if (effect.kind !== "action") continue;
      const mode = this.#logic?.definition?.modeOf(effect.type, effect.named) ?? "inline";
      if (mode === "inline") runAction(effect);
    }
  }

  #settle(result: StepResult, incoming: Incoming, event?: string): Reading {
    const before = this.#snapshot;
    const surroundings = { event: incoming.event, context: result.snapshot.context };
    this.#take2(result.effects, before ?? result.snapshot, surroundings);
    this.#snapshot = result.snapshot;
    this.#status = isEnded(this.#status) && event !== "START"
      ? this.#status
      : statusOf(result.snapshot);
    const from = event === "START" ? null : this.#state;
    this.#place();
    const { outcome, reason = null } = result;
    const { effects } = result;
    this.#record(event ?? typeOf(incoming.event), incoming, outcome, {
      effects,
      before,
      reason,
      from,
    });
    return { outcome, reason };
  }

  #take2(
    effects: readonly Effect[],
    { children = {} }: ActorSnapshot,
    surroundings: { event: unknown; context: unknown } | null,
  ): void {
    const machine = this.#logic?.definition?.machine;
    const kindOf = (childId: string) => {
      const src = children[childId]?.src ?? "";
      const isWork = machine && sourcesOf(machine).get(src)?.kind === "activity";
      return isWork ? "activity" as const : "actor" as const;
    };
    this.#to.take(effects, kindOf, surroundings ?? { event: null, context: null });
  }

  #place(): void {
    if (!this.#logic || !this.#snapshot) return;
    const { state, tags } = placeOf(this.#logic, this.#snapshot);
    this.#state = state;
    this.#tags = tags;
  }

  #halt(letter: Letterbox, error: unknown): void {
    const isBlocked = error instanceof ActorBlockedError;
    const known = error instanceof ActorStalledError || isBlocked;
    if (!known) log.warn("A step failed", { actor: this.seat.id, error });
    const fault = {
      code: known ? error.code : error instanceof PayloadTooLargeError ? error.code : "threw",
      path: known ? error.path : "",
      message: (error instanceof Error ? error.message : String(error)).slice(0, 2_000),
      mailId: letter.id,
      event: typeOf(incomingOf(letter).event),
    };
    // What was noted of this mail is taken back: it stays in the mailbox.
    const place = this.#read.indexOf(letter.id);
    if (place >= 0) this.#read.splice(place, 1);
    this.mark(
      isBlocked ? "blocked" : "stalled",
      isBlocked ? "BLOCK" : "STALL",
      fault.message,
      fault,
    );
    this.#offers = false;
    this.#isOver = true;
  }

  #record(
    event: string,
    { id, event: body, cause }: Incoming,
    outcome: string,
    more: {
      readonly reason?: string | null;
      readonly effects?: readonly Effect[];
      readonly before?: ActorSnapshot | null;
      readonly from?: string | null;
      readonly isWhole?: boolean;
    } = {},
  ): void {
    const version = ++this.#version;
    const { before, effects = [], reason = null } = more;
    const isFirst = this.seat.isNewDay && this.#steps.length === 0;
    const isWhole = more.isWhole || before === null || version % SNAPSHOT_EVERY === 0 || isFirst;
    const isChanged = before !== undefined && before !== null && before !== this.#snapshot;
    this.#steps.push({
      version,
      event: event.slice(0, 500),
      from: more.from === undefined ? this.#state : more.from,
      to: this.#state,
      status: this.#status,
      tags: this.#tags,
      outcome,
      reason,
      cause: cause?.slice(0, 500) ?? null,
      mailId: id,
      body,
      effects: effects.length > 0 ? effects.map(described) : null,
      patch: isChanged ? diff(Object(before), Object(this.#snapshot)) : null,
      snapshot: isWhole ? this.#snapshot : null,
    });
  }
}

function runAction({ type, exec }: Effect & { kind: "action" }): void {
  try {
    const result = exec();
    if (result instanceof Promise) {
      result.catch((error) => log.warn("An inline action failed", { type, error }));
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ActorStalledError("threw", `actions.${type}`, reason, { cause: error });
  }
}

/** A mail as an event: what tells of activities is put into XState's words here. */
function incomingOf({ id, kind, gen, sender, body: given }: Letterbox): Incoming {
  const body: Record<string, unknown> = isRecord(given) ? given : {};
  const cause = sender ?? (typeof body.jobId === "string" ? body.jobId : "client");
  if (kind !== "done" && kind !== "failed") {
    return { id, event: body.event, from: originOf(body.from), cause, gen };
  }
  const childId = String(body.childId);
  const from = { childId, gen: Number(body.gen) };
  const event = kind === "done"
    ? { type: `xstate.done.actor.${childId}`, output: body.output ?? null, actorId: childId }
    : {
      type: `xstate.error.actor.${childId}`,
      error: encodeThrown(errorOf(body.error)),
      actorId: childId,
    };
  return { id, event, from, cause, gen };
}

/** The last error of a job, as an error. */
function errorOf(given: unknown): Error {
  const { name, message, code } = isRecord(given) ? given : {};
  const error = new Error(typeof message === "string" ? message : "The activity failed");
  if (typeof name === "string") error.name = name;
  return typeof code === "string" ? Object.assign(error, { code }) : error;
}

function originOf(from: unknown): Origin | undefined {
  if (!isRecord(from) || typeof from.gen !== "number") return undefined;
  const { timerId, childId, gen } = from;
  if (typeof timerId === "string") return { timerId, gen };
  return typeof childId === "string" ? { childId, gen } : undefined;
}

function typeOf(event: unknown): string {
  return isRecord(event) && typeof event.type === "string" ? event.type : "?";
}

/** What the store gives was a snapshot when it was written; `step` checks it once more. */
function readSnapshot(stored: unknown): ActorSnapshot | null {
  return stored === null || stored === undefined ? null : Object(stored);
}
