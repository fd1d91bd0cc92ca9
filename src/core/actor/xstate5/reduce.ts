/** One event of a reducer (`fromTransition`): its function gets a scope, and may send and emit. */
import type { AnyActorLogic } from "xstate";
import type { LiveEvent, Ref, Request, Scene } from "../engine.ts";
import { isRecord } from "../envelope.ts";
import { ActorStalledError, messageOf, StepError } from "../errors.ts";
import { requestOf } from "./requests.ts";
import { System } from "./system.ts";

/** Where a reducer came out, and what it asked for. */
export interface Reduced {
  readonly status: "active" | "done" | "error";
  readonly context: unknown;
  readonly output: unknown;
  readonly error: unknown;
  readonly requests: readonly Request[];
}

/** A step about to be made. */
export interface ReducerStage {
  readonly refFrom: (ref: Ref) => unknown;
  readonly start: (input: unknown) => Reduced;
  readonly send: (context: unknown, event: LiveEvent) => Reduced;
}

type Place = Pick<Scene, "address" | "id" | "parent" | "registry">;

/** Sets the stage for one event. @throws {ActorStalledError} From `start` and `send`. */
export function openReducer(logic: AnyActorLogic, place: Place): ReducerStage {
  let before: unknown;
  const system = new System({ ...place, children: [], gens: { child: 0 } }, () => before);
  const scope = {
    self: system.self,
    id: place.id,
    sessionId: place.address,
    system,
    logger() {},
    defer() {},
    stopChild() {},
    actionExecutor() {},
    emit: (event: unknown) => system.capture({ type: "xstate.emit", params: { event } }),
  } as never;
  const run = (reduce: () => unknown): Reduced => {
    const next = attempt(reduce);
    system.close();
    const requests = system.captured.flatMap((each) => requestOf(each, system.self, NO_NAME) ?? []);
    return { ...next, requests };
  };
  return {
    refFrom: (ref) => system.refFrom(ref),
    start: (input) => run(() => logic.getInitialSnapshot(scope, input)),
    send: (context, event) =>
      run(() => {
        before = { status: "active", output: undefined, error: undefined, context };
        return logic.transition(before as never, event, scope);
      }),
  };
}

const NO_NAME = () => false;

function attempt(reduce: () => unknown): Omit<Reduced, "requests"> {
  try {
    const next = reduce();
    if (isReduced(next)) return next;
  } catch (error) {
    if (error instanceof StepError) throw error;
    throw new ActorStalledError("threw", "transition", messageOf(error), { cause: error });
  }
  throw new ActorStalledError("threw", "transition", "The logic gave no snapshot");
}

function isReduced(value: unknown): value is Omit<Reduced, "requests"> {
  return isRecord(value) && ["active", "done", "error"].includes(String(value.status));
}
