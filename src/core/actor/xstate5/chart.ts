/**
 * A machine made ready to step: a copy, made once, in which
 * - actor logic is replaced by a shell: no code of a child runs in its parent's step, and a step costs
 *   the same however deep the children are;
 * - the author's code notes its path when it throws; unknown delays and sources throw, instead of
 *   firing at once or being left out; `maxIterations` is finite;
 * - states look up transitions without XState's memo, which keeps every event type it ever saw.
 *
 * Restored states are active in document order, as SCXML says. XState goes by the order in which they
 * were entered, which a `jsonb` column would not keep.
 */
import { and, type AnyStateMachine, type AnyStateNode, StateMachine } from "xstate";
import { copyConfig, mapFields, type Visitors } from "../copy.ts";
import type { LiveEvent } from "../engine.ts";
import type { StateValueJson } from "../envelope.ts";
import { ActorStalledError } from "../errors.ts";
import * as nodes from "../nodes.ts";

/** The version this file was written and tested against. */
export const XSTATE = "5.33.3";

/** Microsteps of one step, unless the machine says fewer or more: a chart at work takes a dozen. */
const ITERATIONS = 1000;
const ITERATIONS_MAX = 100_000;

/** Configurations kept per chart; a chart of many regions has more than anybody needs. */
const CONFIGURATIONS_MAX = 5000;

/** XState's snapshot of a machine, as far as we read it. */
export interface Snapshot {
  readonly status: "active" | "done" | "error";
  readonly value: StateValueJson;
  readonly context: unknown;
  readonly output: unknown;
  readonly error: unknown;
  readonly children: Record<string, object | undefined>;
  readonly historyValue: Record<string, AnyStateNode[]>;
  readonly _nodes: readonly AnyStateNode[];
}

type Fn = (...args: unknown[]) => unknown;
/** A built-in action or guard: a function with fields. */
type BuiltIn = Fn & { type?: string; resolve?: Fn; check?: Fn; to?: unknown };
type Fields = Record<string, unknown>;

/** A machine made ready to step. */
export interface Chart {
  readonly machine: AnyStateMachine;
  readonly nodes: ReadonlyMap<string, AnyStateNode>;
  /** Snapshots without context, by the JSON of their value. */
  readonly configurations: Map<string, Snapshot>;
}

const charts = new WeakMap<AnyStateMachine, Chart>();

/** The chart of a machine; made once. */
export function chartOf(machine: AnyStateMachine): Chart {
  let chart = charts.get(machine);
  if (!chart) charts.set(machine, chart = makeChart(machine));
  return chart;
}

function makeChart(source: AnyStateMachine): Chart {
  const { actions, actors, delays, guards } = source.implementations as unknown as Record<
    string,
    Fields
  >;
  const config = copyConfig(source.config as Fields, visitors);
  const bound = source.options?.maxIterations;
  const maxIterations = bound !== undefined && bound <= ITERATIONS_MAX ? bound : ITERATIONS;
  config.options = { ...source.options, maxIterations };
  const machine = new StateMachine(config as never, {
    actions: mapFields(actions, (action, name) => traceAction(action, `actions.${name}`)),
    guards: mapFields(guards, (guard, name) => traceGuard(guard, `guards.${name}`)),
    delays: knownOnly(mapFields(delays, (delay, name) => trace(delay, `delays.${name}`)), "delay"),
    actors: knownOnly(mapFields(actors, () => shell), "source"),
  } as never) as unknown as AnyStateMachine;
  const all = nodes.nodesBelow(machine.root);
  all.forEach(lookUpWithoutMemo);
  return { machine, nodes: new Map(all.map((n) => [n.id, n])), configurations: new Map() };
}

/** Stands in for the logic of every child. */
const shell = {
  transition: (snapshot: unknown) => snapshot,
  getInitialSnapshot: () => ({ status: "active", output: undefined, error: undefined }),
};

const both = and([]) as unknown as BuiltIn;

/** Whether a guard lets an event pass. */
export function passes(guard: unknown, snapshot: object, event: LiveEvent): boolean {
  const context: unknown = Reflect.get(snapshot, "context");
  return guard === undefined ||
    Boolean(both.check?.(snapshot, { context, event }, { guards: [guard] }));
}

function lookUpWithoutMemo(node: AnyStateNode): void {
  const wildcards = nodes.wildcardsOf(node);
  Object.assign(node, {
    next(snapshot: Snapshot, event: LiveEvent) {
      for (const each of nodes.candidatesOf(node, wildcards, event.type)) {
        if (passes(each.guard, snapshot, event)) return [each];
      }
      return undefined;
    },
  });
}

// --- the author's code, traced --------------------------------------------------------------------

/** What threw last, and where it stands. Steps are synchronous: there is one at a time. */
let fault: { readonly path: string; readonly error: unknown } | undefined;

/** Before a step: a text may be thrown in one place now, and in another the next time. */
export function forgetFault(): void {
  fault = undefined;
}

/** Where in the machine an error that has come out of it was thrown; empty if in none of its code. */
export function placeOf(error: unknown): string {
  return fault?.error === error ? fault?.path ?? "" : "";
}

const visitors: Visitors = {
  action: traceAction,
  guard: traceGuard,
  mapper: trace,
  source: (src) => typeof src === "string" ? src : shell,
};

function trace(value: unknown, path: string): unknown {
  if (typeof value !== "function") return value;
  const traced = (...args: unknown[]) => {
    try {
      return value(...args);
    } catch (error) {
      // The innermost place is the one to tell.
      if (!fault || fault.error !== error) fault = { path, error };
      throw error;
    }
  };
  // A picture and a history row tell a guard's name.
  return Object.defineProperty(traced, "name", { value: value.name });
}

function traceAction(action: unknown, path: string): unknown {
  if (typeof action !== "function") return traceParams(action, path);
  const builtIn = action as BuiltIn;
  if (!builtIn.resolve) return action;
  const resolve = trace(builtIn.resolve, path) as Fn;
  const traced: BuiltIn = Object.assign(() => {}, builtIn, { resolve });
  if (traced.type === "xstate.sendTo") traced.to = receiver(builtIn.to, path);
  if (traced.type === "xstate.enqueueActions") {
    traced.resolve = (...args) => {
      const [snapshot, params, actions] = resolve(...args) as [unknown, unknown, unknown[]];
      return [snapshot, params, actions.map((inner) => traceAction(inner, path))];
    };
  }
  return traced;
}

function traceGuard(guard: unknown, path: string): unknown {
  if (typeof guard !== "function") return traceParams(guard, path);
  const { check } = guard as BuiltIn;
  return check ? Object.assign(() => {}, guard, { check: trace(check, path) }) : trace(guard, path);
}

function traceParams(value: unknown, path: string): unknown {
  if (typeof value !== "object" || value === null || !("params" in value)) return value;
  return { ...value, params: trace(value.params, `${path}.params`) };
}

/** XState sends to the actor itself when it finds nobody else: a mistake that goes unseen. */
function receiver(to: unknown, path: string): unknown {
  if (typeof to === "string") return to;
  return (...args: unknown[]) => {
    const found: unknown = typeof to === "function" ? to(...args) : to;
    if (found !== undefined && found !== null) return found;
    throw new ActorStalledError("unknown_target", path, "There is no such actor to send to");
  };
}

function knownOnly(known: Fields, what: "delay" | "source"): Fields {
  return new Proxy(known, {
    get(target, name) {
      if (typeof name === "symbol" || Object.hasOwn(target, name)) return Reflect.get(target, name);
      throw new ActorStalledError(
        `unknown_${what}`,
        `${what}s.${name}`,
        `There is no such ${what}`,
      );
    },
  });
}

// --- where an actor stands ------------------------------------------------------------------------

/**
 * The snapshot of a stored position, without context and children.
 *
 * @throws {ActorBlockedError} If the chart has no such configuration.
 */
export function configurationOf(chart: Chart, value: StateValueJson): Snapshot {
  const key = JSON.stringify(value);
  let found = chart.configurations.get(key);
  if (!found) {
    const active = nodes.nodesOfValue(chart.machine.root, value);
    const made = chart.machine.resolveState({ value, context: {} }) as unknown as Snapshot;
    found = { ...made, status: "active", _nodes: active };
    if (chart.configurations.size >= CONFIGURATIONS_MAX) chart.configurations.clear();
    chart.configurations.set(key, found);
  }
  return found;
}
