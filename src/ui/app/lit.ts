/** What is lit on a chart: sets of ids, worked out without the page. */
import type { Chart } from "../chart.ts";

/** One step of anybody's past. */
export interface Step {
  readonly version: number;
  readonly from: string | null;
  readonly event: string;
  readonly to: string;
  readonly at: string;
  readonly worker?: string | null;
  readonly cause?: unknown;
  readonly attempt?: number;
  readonly status?: string;
  readonly outcome?: string;
  readonly reason?: string | null;
  readonly machineVersion?: string;
  readonly body?: unknown;
  readonly contextPatch?: readonly Change[];
  readonly effects?: unknown;
}

/** One change of a context (RFC 6902). */
export interface Change {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** What is lit. */
export interface Lit {
  readonly active: ReadonlySet<string>;
  readonly seen: ReadonlySet<string>;
  /** Transitions. */
  readonly taken: ReadonlySet<string>;
  readonly was: ReadonlySet<string>;
  readonly open: ReadonlySet<string>;
  readonly tone: "on" | "bad" | "ok" | "hold";
}

/** Nothing. */
export const unlit: Lit = {
  active: new Set(),
  seen: new Set(),
  taken: new Set(),
  was: new Set(),
  open: new Set(),
  tone: "on",
};

/** `a.b,c`: the states a dotted text stands for, with all above them. */
export function activeIn(chart: Chart, state: string | null): Set<string> {
  const found = new Set<string>();
  if (state === null) return found;
  const parents = new Map(chart.states.map(({ id, parent }) => [id, parent]));
  for (const path of state.split(",")) {
    for (let id: string | null | undefined = path.trim(); id; id = parents.get(id)) found.add(id);
  }
  const [root] = chart.states;
  if (root) found.add(root.id);
  return found;
}

/** The transitions that may have made a step: of its event, out of where it was, into where it is. */
export function takenBy(chart: Chart, step: Step): Set<string> {
  const [before, after] = [activeIn(chart, step.from), activeIn(chart, step.to)];
  const parents = new Map(chart.states.map((state) => [state.id, state]));
  const isInto = (target: string) => {
    const state = parents.get(target);
    return after.has(state?.type === "history" ? state.parent ?? target : target);
  };
  const open = chart.transitions.filter(({ source, event }) =>
    event === step.event && before.has(source)
  );
  const into = open.filter(({ targets }) => targets.every(isInto));
  // It may have gone on at once from where the event led: then the way out is all that is known.
  const fitting = into.length > 0 ? into : open;
  // What leaves a state was taken, if anything moved; what stays otherwise.
  const isMoved = step.from !== step.to;
  const moving = fitting.filter(({ targets }) => targets.length > 0 === isMoved);
  const chosen = moving.length > 0 ? moving : fitting;
  // Of several candidates from one state only one was taken; which one, guards have decided.
  const bySource = new Map(chosen.map((each) => [`${each.source}|${each.targets}`, each.id]));
  return new Set(bySource.values());
}

/** The transitions that events may set off now. */
export function openTo(
  chart: Chart,
  active: ReadonlySet<string>,
  accepts: readonly string[],
): Set<string> {
  const types = new Set(accepts);
  return new Set(
    chart.transitions.filter(({ event, source }) => types.has(event) && active.has(source)).map((
      { id },
    ) => id),
  );
}

/** How a step reads: failures are told apart. */
export function isFailure({ event, to, status, outcome }: Step): boolean {
  return /^xstate\.error|FAIL|LEASE_EXPIRED/.test(event) || to === "dead_letter" ||
    ["error", "stalled", "blocked"].includes(status ?? "") || outcome === "unhandled";
}

/** The colour of a state or status. */
export function toneOfStep({ to, status }: Step): Lit["tone"] {
  if (["retry", "dead_letter"].includes(to)) return "bad";
  if (["error", "stalled", "blocked"].includes(status ?? "")) return "bad";
  if (to === "succeeded" || status === "done") return "ok";
  return status === "paused" ? "hold" : "on";
}

interface Trace {
  readonly active: ReadonlySet<string>;
  readonly taken: ReadonlySet<string>;
}

/** Worked out once per step: stepping through a long past then only joins sets. */
const traces = new WeakMap<Chart, WeakMap<Step, Trace>>();

function traceOf(chart: Chart, step: Step): Trace {
  const known = traces.get(chart) ?? new WeakMap<Step, Trace>();
  traces.set(chart, known);
  const trace = known.get(step) ??
    { active: activeIn(chart, step.to), taken: takenBy(chart, step) };
  known.set(step, trace);
  return trace;
}

/** What is lit at a step, with all the steps before it that are known. */
export function litAt(
  chart: Chart,
  steps: readonly Step[],
  index: number,
  accepts: readonly string[],
): Lit {
  const step = steps[index];
  if (!step) return unlit;
  const { active, taken } = traceOf(chart, step);
  const seen = new Set<string>();
  const was = new Set<string>();
  for (const past of steps.slice(Math.max(0, index - 200), index)) {
    const trace = traceOf(chart, past);
    for (const id of trace.active) seen.add(id);
    for (const id of trace.taken) was.add(id);
  }
  return {
    active,
    seen,
    was,
    taken,
    open: openTo(chart, active, accepts),
    tone: toneOfStep(step),
  };
}
