/**
 * Looking at an actor without stepping it: what it accepts, and what an event would do.
 */
import type { AnyStateNode } from "xstate";
import type { StepInput, StepResult } from "./contract.ts";
import { type Steppable, subjectOf } from "./definition.ts";
import type { Effect } from "./effects.ts";
import type { LiveEvent, Taken } from "./engine.ts";
import { type ActorSnapshot, readSnapshot, type StateValueJson } from "./envelope.ts";
import { messageOf } from "./errors.ts";
import { viewOf } from "./macrostep.ts";
import { openMail, readMail } from "./mail.ts";
import * as nodes from "./nodes.ts";
import { diff, type PatchStep } from "./patch.ts";
import { storedRef } from "./refs.ts";
import { checkIdentity, step } from "./step.ts";
import { passes, XSTATE } from "./xstate5/chart.ts";

/** One transition that an event may take, and whether its guard lets it. */
export interface Candidate extends Taken {
  /** Undefined if it depends on the event's fields, which are not known, or if the guard threw. */
  readonly passes: boolean | undefined;
  /** What the guard threw. */
  readonly error?: string;
}

/** One event that the active states know. */
export interface AcceptedEvent {
  /** The descriptor: an event type, or a pattern such as `order.*`. */
  readonly type: string;
  /** Whether it would do something now; undefined if its fields decide. */
  readonly accepted: boolean | undefined;
  /** In the order in which they are asked, innermost state first. */
  readonly candidates: readonly Candidate[];
}

/**
 * The events that the active states know, with the result of their guards now. XState's own (timers,
 * children) are not among them: nobody can send those.
 *
 * @throws {ActorBlockedError} If the snapshot is not one of this machine.
 */
export function acceptedEvents(machine: Steppable, snapshot: unknown): AcceptedEvent[] {
  const at = look(machine, snapshot);
  if (!at) return [];
  const types = new Set(at.active.flatMap((node) => [...node.transitions.keys()]));
  return [...types].filter((type) => !type.startsWith("xstate.")).map((type) => {
    const candidates = candidatesFor(at, { type }, true);
    return { type, accepted: verdictOn(candidates), candidates };
  });
}

/** The types of `acceptedEvents` that may do something now: what a refusal lists. */
export function acceptedTypes(machine: Steppable, snapshot: unknown): string[] {
  return acceptedEvents(machine, snapshot).filter(({ accepted }) => accepted !== false)
    .map(({ type }) => type);
}

/** What an event would do. */
export interface Foresight {
  readonly outcome: StepResult["outcome"];
  readonly reason?: StepResult["reason"];
  readonly from: StateValueJson;
  readonly to: StateValueJson;
  readonly status: ActorSnapshot["status"];
  /** The guards of this very event, and what they say. */
  readonly candidates: readonly Candidate[];
  /** The transitions taken, eventless ones and raised events too. */
  readonly taken: readonly Taken[];
  /** Custom actions, by name. */
  readonly actions: readonly string[];
  readonly effects: readonly Effect[];
  /** Of the stored context. */
  readonly contextPatch: readonly PatchStep[];
}

/**
 * What `step` would do with this input. Nothing is stored, no action runs.
 *
 * @throws As `step` does.
 */
export function foresee(machine: Steppable, input: StepInput): Foresight {
  const before = readSnapshot(input.snapshot, XSTATE);
  const result = step(machine, { ...input, trace: true });
  const at = look(machine, before);
  const event = openMail(readMail(input.event, input.from), storedRef);
  return {
    outcome: result.outcome,
    ...result.reason && { reason: result.reason },
    from: before.value,
    to: result.snapshot.value,
    status: result.status,
    candidates: at ? candidatesFor(at, event, false) : [],
    taken: (result.microsteps ?? []).flatMap(({ taken }) => taken),
    actions: result.effects.flatMap((effect) => effect.kind === "action" ? [effect.type] : []),
    effects: result.effects,
    contextPatch: diff(before.context, result.snapshot.context),
  };
}

interface Place {
  readonly snapshot: object;
  readonly active: readonly AnyStateNode[];
}

function look(machine: Steppable, snapshot: unknown): Place | undefined {
  const subject = subjectOf(machine);
  const stored = readSnapshot(snapshot, XSTATE);
  checkIdentity(stored.machine, subject);
  if (subject.kind !== "machine" || stored.status !== "active") return undefined;
  const view = viewOf(subject, "view", stored);
  // Innermost first, as XState asks them.
  const active = [...view._nodes].sort((a, b) =>
    b.path.length - a.path.length || a.order - b.order
  );
  return { snapshot: view, active };
}

/** @param byType Only the type of the event is known. */
function candidatesFor(
  { snapshot, active }: Place,
  event: LiveEvent,
  byType: boolean,
): Candidate[] {
  return active.flatMap((node) => {
    const known = byType
      ? node.transitions.get(event.type) ?? []
      : nodes.candidatesOf(node, nodes.wildcardsOf(node), event.type);
    return known.map((transition): Candidate => {
      const taken = nodes.describeTransition(transition);
      if (nodes.isInert(transition)) return { ...taken, passes: false };
      return { ...taken, ...ask(transition.guard, snapshot, event, byType) };
    });
  });
}

/** Asks a guard; one that reads a field nobody has named has no answer. */
function ask(
  guard: unknown,
  snapshot: object,
  event: LiveEvent,
  byType: boolean,
): Pick<Candidate, "passes" | "error"> {
  let isRead = false;
  const watched = new Proxy(event, {
    get(target, key) {
      if (key !== "type") isRead = true;
      return Reflect.get(target, key);
    },
  });
  try {
    const answer = passes(guard, snapshot, byType ? watched : event);
    return { passes: isRead ? undefined : answer };
  } catch (error) {
    return isRead ? { passes: undefined } : { passes: undefined, error: messageOf(error) };
  }
}

function verdictOn(candidates: readonly Candidate[]): boolean | undefined {
  if (candidates.some(({ passes }) => passes === true)) return true;
  return candidates.some(({ passes }) => passes === undefined) ? undefined : false;
}
