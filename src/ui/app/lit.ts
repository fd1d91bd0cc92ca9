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

/** Ids, as far as they are asked for. */
type Ids = Pick<ReadonlySet<string>, "has">;

/** What is lit. */
export interface Lit {
  readonly active: ReadonlySet<string>;
  readonly seen: Ids;
  /** Transitions. */
  readonly taken: ReadonlySet<string>;
  readonly was: Ids;
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
function openTo(
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
function toneOfStep({ to, status }: Step): Lit["tone"] {
  if (["retry", "dead_letter"].includes(to)) return "bad";
  if (["error", "stalled", "blocked"].includes(status ?? "")) return "bad";
  if (to === "succeeded" || status === "done") return "ok";
  return status === "paused" ? "hold" : "on";
}

/** What a step lights. */
interface Trace {
  readonly active: ReadonlySet<string>;
  readonly taken: ReadonlySet<string>;
}

/** Worked out once for all steps from one place to another by the same event: a long past has few of them. */
const traces = new WeakMap<Chart, Map<string, Trace>>();

function traceOf(chart: Chart, step: Step): Trace {
  const known = traces.get(chart) ?? new Map<string, Trace>();
  traces.set(chart, known);
  const key = [step.from, step.event, step.to].join("\n");
  const trace = known.get(key) ??
    { active: activeIn(chart, step.to), taken: takenBy(chart, step) };
  known.set(key, trace);
  return trace;
}

/** In which of some steps each state and each transition was lit first: a step looks up, and joins nothing. */
const firsts = new WeakMap<readonly Step[], readonly [Chart, ReadonlyMap<string, number>]>();

function firstsOf(chart: Chart, steps: readonly Step[]): ReadonlyMap<string, number> {
  const [its, known] = firsts.get(steps) ?? [];
  if (its === chart && known) return known;
  const first = new Map<string, number>();
  steps.forEach((step, at) => {
    const { active, taken } = traceOf(chart, step);
    for (const id of [...active, ...taken]) if (!first.has(id)) first.set(id, at);
  });
  firsts.set(steps, [chart, first]);
  return first;
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
  const first = firstsOf(chart, steps);
  const before = { has: (id: string) => (first.get(id) ?? index) < index };
  return {
    active,
    seen: before,
    was: before,
    taken,
    open: openTo(chart, active, accepts),
    tone: toneOfStep(step),
  };
}
