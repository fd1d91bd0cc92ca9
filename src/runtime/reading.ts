/**
 * Reading mail: what each kind of it is to an actor.
 *
 * A mail that cannot be stepped stalls or blocks the actor and stays in its mailbox; what was read
 * before it in the turn is committed all the same.
 */
import { getLogger } from "@logtape/logtape";
import {
  ActorBlockedError,
  type ActorSnapshot,
  ActorStalledError,
  type StepResult,
} from "../core/actor/mod.ts";
import { isRecord } from "../core/actor/envelope.ts";
import { messageOf } from "../core/actor/errors.ts";
import { InvalidInputError, PerduraError } from "../core/errors.ts";
import type { ActorStatus, Letterbox } from "../store/store.ts";
import type { Fault, Remarks, Seat } from "./ledger.ts";
import { fieldsOf, type Incoming, incomingOf, inOrder, typeOf } from "./letters.ts";
import { isEnded } from "./place.ts";
import type { Stepping } from "./stepping.ts";
import type { Undoing } from "./undoing.ts";

const log = getLogger(["perdura", "actors"]);

/** Mail that an actor may put off; more is recorded as unhandled. */
export const DEFERRED_MAX = 20;

/** Why an event was not read: its sender has asked for a version that was over by then. */
export const MOVED_ON = "version_conflict";

/** What became of one event. */
export interface Reading {
  readonly outcome: string;
  readonly reason: string | null;
}

/** What a child is started as. */
export interface Incarnation {
  /** Null, as the version: as before. */
  readonly machine: string | null;
  readonly version: string | null;
  /** Its name in the system; null: none. */
  readonly systemId: string | null;
}

/** The turn that mail is read in. */
export interface Read {
  readonly seat: Seat;
  readonly version: number;
  readonly snapshot: ActorSnapshot | null;
  readonly undoing: Pick<Undoing, "late">;
  readonly status: ActorStatus;
  readonly state: string;
  /** Its machine puts off what it does not handle. */
  readonly defers: boolean;
  step(input: Stepping): StepResult;
  stepMail(incoming: Incoming): StepResult;
  settle(result: StepResult, incoming: Incoming, first?: "START"): Reading;
  record(event: string, incoming: Incoming, outcome: string, remarks?: Remarks): void;
  become(next: Incarnation): void;
  end(status: "cancelled" | "terminated", event: string, cause: string | null): void;
  tellParent(error: unknown): void;
  freeKey(key: string): void;
  mark(status: ActorStatus, event: string, cause: string | null, fault?: Fault): void;
}

/** Reads the mail of one turn. */
export class Reader {
  readonly read = new Set<string>();
  readonly putOff = new Set<string>();
  /** It has stalled or is blocked: nothing more may be read. */
  isOver = false;
  readonly #of: Read;
  #waiting: Letterbox[] = [];
  /** Starts of one that does not run, and has not begun. */
  #starts: readonly Letterbox[] = [];

  constructor(of: Read) {
    this.#of = of;
  }

  /** Fewer are put off than may be. */
  get mayDefer(): boolean {
    return this.#waiting.length < DEFERRED_MAX;
  }

  /** Reads in order, until something stops it. */
  readAll(mail: readonly Letterbox[]): void {
    const ordered = inOrder({ snapshot: this.#of.snapshot, mail });
    this.#waiting = ordered.filter(({ deferred }) => deferred);
    for (const letter of ordered) {
      if (this.isOver) return;
      if (!letter.deferred) this.#take(letter);
    }
  }

  /** Reads nothing but stops: the actor does not run. */
  readStops(mail: readonly Letterbox[]): void {
    this.#starts = mail.filter(({ kind }) => kind === "start");
    for (const letter of mail) if (letter.kind === "stop") this.#take(letter);
  }

  #take(letter: Letterbox): void {
    const before = this.#of.state;
    this.read.add(letter.id);
    try {
      this.#takeOne(letter);
    } catch (error) {
      return this.#halt(letter, error);
    }
    if (this.#of.state !== before) this.offerAgain();
  }

  #takeOne(letter: Letterbox): void {
    switch (letter.kind) {
      case "start":
        return this.#start(letter);
      case "stop":
        return this.#stop(letter);
      case "cancel":
        return this.#cancel(letter);
      case "late": {
        const body = fieldsOf(letter);
        const incoming = { ...incomingOf(letter), event: body };
        const type = `xstate.done.actor.${body.childId}`;
        this.#of.record(type, incoming, "stale", { reason: "left" });
        return this.#of.undoing.late(body);
      }
      case "done": {
        const hasEnded = isEnded(this.#of.status);
        this.#event(letter, incomingOf(letter));
        if (hasEnded) this.#of.undoing.late(fieldsOf(letter));
        return;
      }
      default:
        return this.#event(letter, incomingOf(letter));
    }
  }

  #event(letter: Letterbox, incoming: Incoming): void {
    const type = typeOf(incoming.event);
    if (incoming.gen !== null && incoming.gen !== this.#of.snapshot?.birth?.gen) {
      return this.#of.record(type, incoming, "stale", { reason: "incarnation" });
    }
    const { expect, key } = fieldsOf(letter);
    if (typeof expect === "number" && expect !== this.#of.version) {
      if (typeof key === "string") this.#of.freeKey(key);
      return this.#of.record(type, incoming, "unhandled", { reason: MOVED_ON });
    }
    // Nothing is stepped: its chart need not be here.
    if (isEnded(this.#of.status)) return this.#of.record(type, incoming, "ended");
    let result;
    try {
      result = this.#of.stepMail(incoming);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      return this.#of.record(type, incoming, "unhandled", { reason: "invalid" });
    }
    if (this.#mayDefer(result, letter)) {
      this.#of.record(type, incoming, "deferred", { reason: result.reason ?? null });
      this.read.delete(letter.id);
      this.putOff.add(letter.id);
      this.#waiting.push({ ...letter, deferred: true });
      return;
    }
    this.#of.settle(result, incoming);
  }

  #mayDefer({ outcome, reason }: StepResult, { sender, body }: Letterbox): boolean {
    if (!this.#of.defers || outcome !== "unhandled") return false;
    const isInternal = isRecord(body) && body.from !== undefined && sender !== null;
    return !isInternal && reason !== "forbidden" && this.mayDefer;
  }

  /** Mail that was put off, in order, as long as it leads on. */
  offerAgain(): void {
    for (const letter of [...this.#waiting]) {
      if (this.isOver || !this.#waiting.includes(letter)) continue;
      const before = this.#of.state;
      const incoming = incomingOf(letter);
      try {
        const result = this.#of.stepMail(incoming);
        if (result.outcome === "unhandled") continue;
        this.#of.settle(result, incoming);
      } catch (error) {
        return this.#halt(letter, error);
      }
      this.#waiting = this.#waiting.filter((each) => each !== letter);
      this.read.add(letter.id);
      this.putOff.delete(letter.id);
      if (this.#of.state !== before) return this.offerAgain();
    }
  }

  #start(letter: Letterbox): void {
    const body = fieldsOf(letter);
    const { input } = body;
    const gen = Number(body.gen);
    const { birth, status, gens } = this.#of.snapshot ?? {};
    const incoming = { ...incomingOf(letter), event: { type: "START", input } };
    if (birth && birth.gen >= gen) return this.#of.record("START", incoming, "stale");
    if (status === "active") this.#of.end("cancelled", "STOP", letter.sender);
    const { id, parentId, registry } = this.#of.seat;
    this.#of.become({
      machine: textIn(body.machine),
      version: textIn(body.version),
      systemId: textIn(body.systemId),
    });
    const parent = parentId ?? undefined;
    const sync = body.sync === true;
    // What the one before has had under way has the numbers that it gave out: they are not given out again.
    this.#of.settle(
      this.#of.step({ address: id, parent, input, gen, gens, sync, registry }),
      incoming,
      "START",
    );
  }

  #stop(letter: Letterbox): void {
    const { gen } = fieldsOf(letter);
    const { snapshot, status } = this.#of;
    const unborn = this.#starts.find((start) => fieldsOf(start).gen === gen);
    if (unborn) this.read.add(unborn.id);
    const isOurs = (unborn || snapshot?.birth?.gen === gen) && !isEnded(status);
    if (isOurs) this.#of.end("cancelled", "STOP", letter.sender);
    else this.#of.record("STOP", incomingOf(letter), "stale");
  }

  /** The machine decides; one that does not handle `CANCEL` is ended. */
  #cancel(letter: Letterbox): void {
    const { reason } = fieldsOf(letter);
    const text = typeof reason === "string" ? reason : "cancel";
    const event = { type: "CANCEL", reason: text };
    const incoming = { ...incomingOf(letter), event, cause: text };
    if (isEnded(this.#of.status)) return this.#of.record("CANCEL", incoming, "ended");
    try {
      const result = this.#of.stepMail(incoming);
      if (result.outcome === "handled") return void this.#of.settle(result, incoming);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
    }
    this.#of.end("cancelled", "CANCEL", text);
    this.#of.tellParent(new Error(`Cancelled: ${text}`));
  }

  #halt(letter: Letterbox, error: unknown): void {
    const isBlocked = error instanceof ActorBlockedError;
    const known = error instanceof ActorStalledError || isBlocked;
    const { id: actor, tenantId } = this.#of.seat;
    if (!known) log.warn("A step failed", { actor, tenantId, error });
    const message = messageOf(error);
    const fault = {
      code: known || error instanceof PerduraError ? error.code : "threw",
      path: known ? error.path : "",
      message,
      mailId: letter.id,
      event: typeOf(incomingOf(letter).event),
    };
    // It stays in the mailbox.
    this.read.delete(letter.id);
    if (isBlocked) this.#of.mark("blocked", "BLOCK", message, fault);
    else this.#of.mark("stalled", "STALL", message, fault);
    this.isOver = true;
  }
}

function textIn(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
