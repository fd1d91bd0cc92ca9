/** The step of a state machine: decodes, lets the engine run, settles what it asked for, encodes. */
import { InvalidInputError } from "../errors.ts";
import { idOf } from "./address.ts";
import { CodecError, decode, encode } from "./codec.ts";
import type { Outcome, StepInput, StepResult } from "./contract.ts";
import { parsed, type Subject } from "./definition.ts";
import type { Effect } from "./effects.ts";
import type { ChildRef, LiveEvent, Ref, Scene, Turn } from "./engine.ts";
import { type ActorSnapshot, type Birth, type ChildEntry, isRecord } from "./envelope.ts";
import { ActorBlockedError, ActorStalledError, restoring, storing } from "./errors.ts";
import { encodeThrown, isSnapshot, type Mail, openMail } from "./mail.ts";
import { refOf } from "./refs.ts";
import { reportOf, seal } from "./seal.ts";
import { Settlement } from "./settle.ts";
import { isMachine, sourcesOf } from "./sources.ts";
import { chartOf } from "./xstate5/chart.ts";
import { liveSnapshot, openStage, type Stage, type Standing } from "./xstate5/turn.ts";

type Machine = Subject & { kind: "machine" };

/** The first step. */
export function startMachine(subject: Machine, input: StepInput): StepResult {
  const { gen = 1, sync = false, parent } = input;
  const birth: Birth | undefined = parent === undefined
    ? undefined
    : { parent, gen, ...sync && { sync } };
  const { gens } = input;
  const frame = frameOf(subject, input, birth, gens ? { gens } : {});
  const value = parsed(subject.schemas.input, opened(input.input, frame.stage), "input");
  return finish(frame, frame.stage.start(value), "started");
}

/** Every later step. */
export function macrostep(
  subject: Machine,
  input: StepInput,
  stored: ActorSnapshot,
  mail: Mail,
): StepResult {
  const frame = frameOf(subject, input, stored.birth, stored, mail);
  const { stage } = frame;
  const event = eventOf(frame, mail);
  const context = restoring(() => decode(stored.context, "context", stage.refFrom));
  const turn = stage.send({ value: stored.value, history: stored.history, context }, event);
  return finish(frame, turn, turn.idle ? "unhandled" : "handled", stored);
}

/** XState's snapshot of a stored one, to look at. */
export function viewOf(subject: Machine, address: string, stored: ActorSnapshot) {
  const { stage } = frameOf(subject, { address }, stored.birth, stored);
  const context = restoring(() => decode(stored.context, "context", stage.refFrom));
  return stage.view({ value: stored.value, history: stored.history, context });
}

/** What a step works with. */
interface Frame {
  readonly subject: Machine;
  readonly input: StepInput;
  readonly birth: Birth | undefined;
  readonly stage: Stage;
  readonly settlement: Settlement;
  readonly gens: { child: number; timer: number };
  /** Reading the mail has changed a timer or a child. */
  readonly isRead: boolean;
}

function frameOf(
  subject: Machine,
  input: StepInput,
  birth: Birth | undefined,
  stored: Partial<ActorSnapshot>,
  mail?: Mail,
): Frame {
  const { address, registry = {} } = input;
  const children = new Map(Object.entries(stored.children ?? {}));
  const timers = new Map(Object.entries(stored.timers ?? {}));
  const isRead = mail ? markRead(children, timers, mail) : false;
  const gens = { ...(stored.gens ?? { child: 0, timer: 0 }) };
  const parent = input.parent ?? birth?.parent;
  const refs: { from?: (ref: Ref) => unknown } = {};
  const scene: Scene = {
    address,
    id: idOf(address, parent),
    parent,
    registry,
    children: [...children].map(([id, entry]) => childRef(subject, id, entry, refs)),
    gens,
  };
  const stage = openStage(chartOf(subject.machine), scene);
  refs.from = stage.refFrom;
  const kindOf = (src: string) => sourcesOf(subject.machine).get(src)?.kind;
  const self = { address, ...birth && { gen: birth.gen } };
  const settlement = new Settlement(self, { children, timers }, gens, kindOf);
  return { subject, input, birth, stage, settlement, gens, isRead };
}

/** A timer has fired, a child has ended or told how it is: that is so whatever the chart makes of it. */
function markRead(
  children: Map<string, ChildEntry>,
  timers: Map<string, unknown>,
  { event, from }: Mail,
): boolean {
  if (!from) return false;
  if ("timerId" in from) return timers.delete(from.timerId);
  const entry = children.get(from.childId);
  if (!entry) return false;
  const news = isSnapshot(event.type)
    ? { snapshot: event.snapshot ?? null }
    : { ended: true as const };
  children.set(from.childId, { ...entry, ...news });
  return true;
}

function childRef(
  subject: Machine,
  id: string,
  { src, gen, systemId, sync, ended, snapshot }: ChildEntry,
  refs: { readonly from?: (ref: Ref) => unknown },
): ChildRef {
  if (!ended && !sourcesOf(subject.machine).has(src)) {
    const reason = `There is no source "${src}"`;
    throw new ActorBlockedError("unknown_source", `children.${id}.src`, reason);
  }
  const told = snapshot === undefined ? undefined : () => {
    const path = `children.${id}.snapshot`;
    return revived(subject, src, restoring(() => decode(snapshot, path, refs.from)));
  };
  return { id, gen, src, systemId, sync: sync === true, ended: ended === true, told };
}

/** What a child told of itself, with the methods of a machine's snapshot if it is a machine. */
function revived(subject: Machine, src: string, told: unknown): unknown {
  const logic = sourcesOf(subject.machine).get(src)?.logic;
  return isStanding(told) && isMachine(logic) ? liveSnapshot(chartOf(logic), told) : told;
}

function isStanding(told: unknown): told is Standing & { status: unknown } {
  return isRecord(told) && "value" in told && "context" in told;
}

function eventOf({ subject, stage, settlement }: Frame, mail: Mail): LiveEvent {
  const event = openMail(mail, stage.refFrom);
  const { from } = mail;
  if (!from) {
    const checked = parsed(subject.schemas.events, event, "event");
    return isRecord(checked) ? { ...checked, type: event.type } : event;
  }
  if ("timerId" in from || !isSnapshot(event.type)) return event;
  const src = settlement.children.get(from.childId)?.src ?? "";
  return { ...event, snapshot: revived(subject, src, event.snapshot) };
}

function opened(value: unknown, { refFrom }: Stage): unknown {
  try {
    return decode(value, "input", refFrom);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new InvalidInputError([{ path: error.path, message: error.reason }]);
  }
}

/** Settles the turn and encodes where it came out. Everything can still throw, and change nothing. */
function finish(frame: Frame, turn: Turn, outcome: Outcome, stored?: ActorSnapshot): StepResult {
  const { subject, settlement, gens, birth, input, isRead } = frame;
  const { position, isSame, idle } = turn;
  settlement.take(turn.requests);
  if (position.status !== "active") settlement.end();
  const ending = endingOf(subject, position);
  const context = storing(() => encode(position.context, "context", refOf));
  const snapshot = seal({
    identity: subject.identity,
    birth,
    gens,
    status: position.status,
    value: position.value,
    types: position.types,
    context,
    history: position.history,
    children: settlement.children,
    timers: settlement.timers,
    ...ending.json,
  });
  const isNews = stored === undefined || !isSame;
  const report = birth && reportOf(snapshot, idOf(input.address, birth.parent), birth, isNews);
  if (report) settlement.push(report);
  const effects = stored ? settlement.effects : childrenFirst(settlement.effects);
  return {
    snapshot,
    effects,
    status: position.status,
    ...ending.live,
    changed: isNews || isRead || effects.length > 0 && differs(stored, snapshot),
    outcome,
    ...idle && { reason: idle },
    ...input.trace && { microsteps: turn.microsteps() },
  };
}

/** An actor of XState's that starts first starts the children it has by then. */
function childrenFirst(effects: readonly Effect[]): Effect[] {
  const isChild = ({ kind }: Effect) => kind === "spawn" || kind === "stop";
  return [...effects.filter(isChild), ...effects.filter((effect) => !isChild(effect))];
}

/** Without a new position only timers and generations can have changed. */
function differs(stored: ActorSnapshot, snapshot: ActorSnapshot): boolean {
  return stored.gens.timer !== snapshot.gens.timer ||
    Object.keys(stored.timers ?? {}).length !== Object.keys(snapshot.timers ?? {}).length;
}

/** Output or error, stored and as values. */
function endingOf(subject: Machine, { status, output, error }: Turn["position"]) {
  if (status === "error") return { json: { error: encodeThrown(error) }, live: { error } };
  if (status === "active" || output === undefined && !subject.schemas.output) return {};
  const value = checkedOutput(subject, output);
  return {
    json: { output: storing(() => encode(value, "output", refOf)) },
    live: { output: value },
  };
}

function checkedOutput(subject: Machine, output: unknown): unknown {
  try {
    return parsed(subject.schemas.output, output, "output");
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const [issue] = error.issues;
    throw new ActorStalledError("invalid_output", issue?.path ?? "output", issue?.message ?? "");
  }
}
