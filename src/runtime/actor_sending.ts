/**
 * An event on its way to an actor.
 *
 * One that is waited for is stepped at once in this process, after whatever mail is due before it, and
 * committed under the version that was read: two statements and no mailbox. Where that cannot be (the
 * machine is not here, the actor does not run, others are faster) it goes the way of all mail.
 */
import {
  ActorBlockedError,
  ActorStalledError,
  foresee,
  type Foresight,
} from "../core/actor/mod.ts";
import { matchesDescriptor } from "../core/actor/nodes.ts";
import {
  CrashError,
  InvalidInputError,
  PayloadTooLargeError,
  PerduraError,
  UnknownMachineError,
  VersionConflictError,
} from "../core/errors.ts";
import { newId } from "../core/id.ts";
import { limits } from "../core/limits.ts";
import type { ActorView } from "../store/store.ts";
import { asSent, checkEvent } from "./actor_checks.ts";
import { type Desk, readingOf, TRIES } from "./actor_desk.ts";
import type { ActorAim, EventResult, SendEventOptions } from "./actor_options.ts";
import { acceptsOf } from "./actor_view.ts";
import type { Seat } from "./ledger.ts";
import { typeOf } from "./letters.ts";
import { isEnded } from "./place.ts";
import { MAIL_PER_ACTOR } from "./turner.ts";
import { MOVED_ON, type Reading } from "./reading.ts";
import { SnapshotTooLargeError } from "./stepping.ts";
import { TurnRefusedError } from "./turn_commits.ts";
import type { Turning } from "./turning.ts";

/** An event that this process has read, or that has been sent before. */
interface Taken {
  readonly view: ActorView;
  /** Its mail. */
  readonly known: string;
  readonly reading: Reading | null;
}

/** Sends an event, and waits for its turn; see `Actors.send`. */
export async function sendEvent(
  desk: Desk,
  id: string,
  event: unknown,
  options: SendEventOptions,
): Promise<EventResult> {
  checkEvent(event);
  const key = options.key ?? null;
  const mailId = newId();
  const taken = await desk.inLine(id, options, () => take(desk, id, event, options, mailId));
  if (taken?.reading) return { ...readingOf(taken.reading), actor: await desk.actor(taken.view) };
  if (taken) return await answer(desk, taken.view, event, taken.known, 0, options);
  const view = await desk.view(id, options, key);
  desk.demandLive(view, event);
  // Its key may have come with other mail since it was looked for.
  if (view.known !== null) return await answer(desk, view, event, view.known, 0, options);
  const letter = letterOf(desk, view, event, options);
  const sent = await desk.post(view, letter, "event", mailId, key);
  if (view.status === "active") await desk.inLine(id, options, () => desk.turnInline(view));
  const after = sent === mailId ? view.version : 0;
  return await answer(desk, view, event, sent, after, options);
}

/**
 * An event as mail: the version that its sender asks for is asked for where it is read.
 *
 * @throws {TransitionRejectedError} It does not run: by the time that it does, its version is another.
 */
export function letterOf(
  desk: Desk,
  view: ActorView,
  event: unknown,
  { expectVersion, key }: SendEventOptions,
): object {
  if (expectVersion === null || expectVersion === undefined) return { event };
  if (view.status !== "active") throw desk.rejected(view, event, view.status);
  return { event, expect: expectVersion, ...key !== undefined && { key } };
}

/**
 * What became of a mail. @throws {TransitionRejectedError} Its machine refuses, as it would have at once.
 * @throws {VersionConflictError} Others were read before it.
 */
async function answer(
  desk: Desk,
  view: ActorView,
  event: unknown,
  mailId: string,
  afterVersion: number,
  { timeoutMs, expectVersion, conditional }: SendEventOptions,
): Promise<EventResult> {
  const told = await desk.outcome(view, mailId, afterVersion, timeoutMs);
  if (told.reason === MOVED_ON) {
    const { version } = told.actor;
    throw new VersionConflictError(expectVersion ?? view.version, version, conditional ?? false);
  }
  const policy = desk.host.machines.logicOf(view)?.definition?.unhandled;
  if (told.outcome !== "unhandled" || policy !== "reject") return told;
  const now = await desk.host.store.actors.read(view.tenantId, view.id, 0, null);
  throw desk.rejected(now ?? view, event, told.reason);
}

/** Steps an event at once, or finds it by its key. Null: it must go by mail. */
async function take(
  desk: Desk,
  id: string,
  event: unknown,
  options: SendEventOptions,
  mailId: string,
): Promise<Taken | null> {
  const key = options.key ?? null;
  for (let tries = 0; tries < TRIES; tries++) {
    const view = await desk.view(id, options, key);
    if (view.known !== null) return { view, known: view.known, reading: null };
    desk.demandLive(view, event);
    const reading = await turnWith(desk, view, event, mailId, options);
    if (reading === "mail") return null;
    if (reading !== null) return { view, known: mailId, reading };
  }
  return null;
}

/** Null: somebody was faster. `mail`: it must go by mail. */
async function turnWith(
  desk: Desk,
  view: ActorView,
  event: unknown,
  mailId: string,
  { key, expectVersion }: SendEventOptions,
): Promise<Reading | "mail" | null> {
  const { machines } = desk.host;
  const isHere = view.status === "active" && machines.logicOf(view) && view.snapshot !== null;
  if (!isHere || view.mail.length >= MAIL_PER_ACTOR) return "mail";
  const turning = desk.turning(view);
  turning.takeAll(view.mail);
  // What is due before it may have moved the actor on.
  const isLate = typeof expectVersion === "number" && turning.version !== expectVersion;
  if (turning.isOver || isEnded(turning.status) || isLate) {
    await desk.turner.commit(turning, view);
    return null;
  }
  try {
    const reading = offer(desk, turning, event, mailId, key ?? null);
    return await desk.turner.commit(turning) ? reading : null;
  } catch (error) {
    // It may be for a letter that was due before the event: by mail that stalls alone, and the event waits.
    if (error instanceof TurnRefusedError && view.mail.length > 0) return "mail";
    if (error instanceof InvalidInputError) throw asSent(error);
    if (error instanceof SnapshotTooLargeError) {
      throw new PayloadTooLargeError("Snapshot of the actor after it", limits.payloadBytesMax);
    }
    if (error instanceof PerduraError || error instanceof CrashError) throw error;
    // The machine's own fault: by mail it stalls, and the event is kept.
    return "mail";
  }
}

/** Steps an event by the policy of the machine. @throws {TransitionRejectedError} */
export function offer(
  desk: Desk,
  turning: Turning,
  event: unknown,
  mailId: string,
  key: string | null,
): Reading {
  const { seat } = turning;
  const logic = desk.host.machines.logicOf(seat);
  const policy = logic?.definition?.unhandled ?? "record";
  if (policy !== "record" && logic) {
    const { id, registry } = seat;
    const { snapshot } = turning;
    const now = { ...seat, snapshot, state: turning.state };
    if (policy === "reject") demandKnown(desk, now, event);
    const seen = foresee(logic.subject, { address: id, snapshot, event, registry });
    const isIdle = seen.outcome === "unhandled";
    const reason = seen.reason ?? null;
    if (isIdle && policy === "reject") {
      throw desk.rejected(now, event, reason);
    }
    if (isIdle && reason !== "forbidden" && turning.mayDefer) {
      turning.defer(event, mailId, key, reason);
      return { outcome: "deferred", reason };
    }
  }
  return turning.offer(event, mailId, key);
}

/** What an event would do: what a step does, or that the actor would not get over it. */
export interface Foreseen extends Omit<Foresight, "outcome" | "reason"> {
  readonly outcome: Foresight["outcome"] | "stalled" | "blocked";
  readonly reason?: string | undefined;
}

/** What an event would do, and what a true sending would refuse; see `Actors.foresee`. */
export async function foreseeEvent(
  desk: Desk,
  id: string,
  event: unknown,
  options: ActorAim,
): Promise<Foreseen> {
  checkEvent(event);
  const view = await desk.view(id, options, null);
  desk.demandLive(view, event);
  const { machines } = desk.host;
  const logic = machines.logicOf(view);
  if (!logic) throw new UnknownMachineError(view.machine, "machine", machines.names);
  const isStrict = logic.definition?.unhandled === "reject";
  if (isStrict) demandKnown(desk, view, event);
  const { registry, snapshot } = view;
  try {
    const seen = foresee(logic.subject, { address: view.id, snapshot, event, registry });
    if (seen.outcome !== "unhandled" || !isStrict) return seen;
    throw desk.rejected(view, event, seen.reason ?? null);
  } catch (error) {
    if (error instanceof InvalidInputError) throw asSent(error);
    if (error instanceof ActorStalledError) return unforeseen(view, "stalled", error);
    if (error instanceof ActorBlockedError) return unforeseen(view, "blocked", error);
    throw error;
  }
}

/** The event would be kept, and the actor wait for a repair. */
function unforeseen(
  { snapshot }: Pick<ActorView, "snapshot">,
  outcome: "stalled" | "blocked",
  { message }: Error,
): Foreseen {
  const { value = null } = Object(snapshot);
  return {
    outcome,
    reason: message,
    from: value,
    to: value,
    status: "active",
    candidates: [],
    taken: [],
    actions: [],
    effects: [],
    contextPatch: [],
  };
}

/** What no state knows is refused before its fields are looked at. @throws {TransitionRejectedError} */
function demandKnown(desk: Desk, view: Seat, event: unknown): void {
  const isKnown = acceptsOf(view, desk.host.machines).some((descriptor) =>
    matchesDescriptor(typeOf(event), descriptor)
  );
  if (!isKnown) throw desk.rejected(view, event, "not accepted now");
}
