/** One macrostep of XState on a chart: the door to this folder. */
import type {
  IdleReason,
  LiveEvent,
  Microstep,
  Position,
  Ref,
  Request,
  Scene,
  Turn,
} from "../engine.ts";
import { ActorStalledError, messageOf, StepError } from "../errors.ts";
import * as nodes from "../nodes.ts";
import { type Chart, configurationOf, forgetFault, placeOf, type Snapshot } from "./chart.ts";
import { makeMove, moveOf } from "./move.ts";
import { requestOf } from "./requests.ts";
import { type Captured, System } from "./system.ts";

/** A step about to be made: references can be had, and then one of the two called, once. */
export interface Stage {
  readonly refFrom: (ref: Ref) => unknown;
  /** @throws {ActorStalledError} */
  readonly start: (input: unknown) => Turn;
  /** @throws {StepError} */
  readonly send: (from: Standing, event: LiveEvent) => Turn;
  /** XState's snapshot there, to look at. */
  readonly view: (at: Standing) => Snapshot;
}

/** Where the actor stands, its context decoded. */
export type Standing = Pick<Position, "value" | "history" | "context">;

/** Sets the stage for one step. */
export function openStage(chart: Chart, scene: Scene): Stage {
  let from: Standing | undefined;
  let before: Snapshot | undefined;
  const own = () => from && (before ??= view(from));
  let opened: System | undefined;
  // Most moves need none.
  const systemOf = () => opened ??= new System(scene, own);
  const { machine } = chart;
  const view = ({ value, history, context }: Standing): Snapshot => {
    const historyValue = nodes.nodesOfHistory(chart.nodes, history);
    return {
      ...configurationOf(chart, value),
      context,
      children: systemOf().children,
      historyValue,
    };
  };
  return {
    refFrom: (ref) => systemOf().refFrom(ref),
    start(input) {
      const system = systemOf();
      const scope = new Scope(scene, system);
      const next = run(() =>
        machine.getInitialSnapshot(scope as never, input as never)
      ) as Snapshot;
      // XState keeps what an initial step throws in the snapshot, half made.
      if (next.status === "error") throw stalled(next.error);
      return turnOf(chart, system, next);
    },
    view,
    send(standing, event) {
      from = standing;
      const { value, history, context } = standing;
      const move = history === undefined &&
        moveOf(chart, configurationOf(chart, value), event.type, scene);
      if (move) {
        const made = run(() => makeMove(move, scene, systemOf, context, event));
        opened?.close();
        const microsteps = () => [describe({ event, _transitions: [move.transition] })];
        return { ...made, microsteps, isSame: false };
      }
      const system = systemOf();
      const scope = new Scope(scene, system);
      const at = before = view(standing);
      const next = run(() => machine.transition(at as never, event as never, scope as never));
      return turnOf(chart, system, next as Snapshot, { at, event });
    },
  };
}

/**
 * What XState takes for the scope of an actor.
 *
 * In each microstep XState puts a closure of its own in the place of `actionExecutor`, one that keeps a
 * list of the actions and calls ours; and V8 makes closures old at once that are assigned to a property.
 * Until the next collection of everything it would hold the whole step: the actor system, the children,
 * the snapshots. So it is not let in, and what it refers to is empty.
 */
class Scope {
  readonly self: object;
  readonly id: string;
  readonly sessionId: string;
  readonly system: System;

  constructor({ id, address }: Scene, system: System) {
    this.self = system.self;
    this.id = id;
    this.sessionId = address;
    this.system = system;
  }

  get actionExecutor(): (action: Captured) => void {
    return this.system.listener;
  }

  set actionExecutor(_own: unknown) {}

  logger(): void {}

  stopChild(): void {}

  emit(): void {}

  defer(): void {
    this.system.spawned();
  }
}

function run<Result>(transition: () => Result): Result {
  forgetFault();
  try {
    return transition();
  } catch (error) {
    throw stalled(error);
  }
}

function stalled(error: unknown): StepError {
  if (error instanceof ActorStalledError && error.path === "") {
    return new ActorStalledError(error.code, placeOf(error), error.reason);
  }
  if (error instanceof StepError) return error;
  const reason = messageOf(error);
  const code = reason.startsWith("Infinite loop detected") ? "too_many_microsteps" : "threw";
  return new ActorStalledError(code, placeOf(error), reason, { cause: error });
}

function turnOf(
  chart: Chart,
  system: System,
  next: Snapshot,
  before?: { at: Snapshot; event: LiveEvent },
): Turn {
  system.close();
  const wrong = next._nodes === before?.at._nodes ? undefined : nodes.findIllegal(next._nodes);
  if (wrong) throw new ActorStalledError("illegal_configuration", "value", wrong);
  const isNamed = (type: string) => Object.hasOwn(chart.machine.implementations.actions, type);
  const requests: Request[] = [];
  for (const action of system.captured) {
    const request = requestOf(action, system.self, isNamed);
    if (request) requests.push(withState(request, next._nodes));
  }
  return {
    position: positionOf(next),
    requests,
    microsteps: () => system.microsteps.map(describe),
    isSame: next === before?.at,
    idle: before && next.status !== "error" ? idleReason(system, before) : undefined,
  };
}

/** Says which active state invokes a child. */
function withState(request: Request, active: Snapshot["_nodes"]): Request {
  if (request.kind !== "spawn") return request;
  const id = request.ref.child?.id;
  const state = active.find(({ invoke }) => invoke.some((each) => each.id === id))?.id;
  return { ...request, state };
}

function idleReason(
  { microsteps }: System,
  { at, event }: { at: Snapshot; event: LiveEvent },
): IdleReason | undefined {
  if (microsteps.some(({ _transitions }) => !_transitions.every(nodes.isInert))) return undefined;
  if (microsteps.some(({ _transitions }) => _transitions.length > 0)) return "forbidden";
  const asked = at._nodes.some((node) => {
    return nodes.candidatesOf(node, nodes.wildcardsOf(node), event.type).length > 0;
  });
  return asked ? "guarded" : "unknown";
}

/** A child's snapshot with the methods of XState's, of what the child has told. */
export function liveSnapshot(chart: Chart, told: Standing & { status: unknown }): unknown {
  const historyValue = nodes.nodesOfHistory(chart.nodes, told.history);
  return { ...configurationOf(chart, told.value), ...told, historyValue };
}

function describe({ event, _transitions }: System["microsteps"][number]): Microstep {
  return { event: event.type, taken: _transitions.map(nodes.describeTransition) };
}
/** What is stored of where XState came out. */
function positionOf(next: Snapshot): Position {
  const history = Object.entries(next.historyValue).map(([id, list]) => {
    return [id, list.map((node) => node.id)] as const;
  });
  return {
    status: next.status,
    value: next.value,
    types: nodes.hiddenTypes(next._nodes),
    context: next.context,
    history: history.length > 0 ? Object.fromEntries(history) : undefined,
    output: next.output,
    error: next.error,
  };
}
