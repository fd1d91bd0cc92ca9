/** What two pasts have in common, worked out without the page. */
import type { Chart } from "../chart.ts";
import type { DiffLine } from "./diff.tsx";
import { activeIn, type Step, takenBy } from "./lit.ts";
import type { Mark, Overlay, PathName } from "./overlay.ts";

/** Where two pasts part: the index of the first step that is not the same; null: nowhere. */
export function partingOf(a: readonly Step[], b: readonly Step[]): number | null {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i]?.event !== b[i]?.event || a[i]?.to !== b[i]?.to) return i;
  }
  return null;
}

/** Both paths over one chart: who was in a state, and who took a way. */
export function pathsOver(chart: Chart, a: readonly Step[], b: readonly Step[]): Overlay {
  const [statesA, statesB] = [a, b].map((steps) =>
    new Set(steps.flatMap(({ to }) => [...activeIn(chart, to)]))
  );
  const [waysA, waysB] = [a, b].map((steps) =>
    new Set(steps.flatMap((step) => [...takenBy(chart, step)]))
  );
  const leaves = chart.states.filter(({ id }) => !chart.states.some(({ parent }) => parent === id));
  const states = new Map(leaves.flatMap(({ id }): [string, Mark][] => {
    const who = [statesA?.has(id) ? "A" : "", statesB?.has(id) ? "B" : ""].join("");
    return who === "" ? [] : [[id, { text: who, step: 0, isBad: false }]];
  }));
  const paths = new Map<string, PathName>();
  for (const id of waysA ?? []) paths.set(id, waysB?.has(id) ? "both" : "a");
  for (const id of waysB ?? []) if (!paths.has(id)) paths.set(id, "b");
  return { states, ways: new Map(), minutes: 1, paths };
}

/** From one value to the other, member by member, two levels deep. */
export function contextDiff(a: unknown, b: unknown, path = "", depth = 0): DiffLine[] {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  if (left === right) return [];
  if (depth < 2 && isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) =>
      contextDiff(a[key], b[key], path ? `${path} › ${key}` : key, depth + 1)
    );
  }
  const sign = a === undefined ? "+" : b === undefined ? "−" : "~";
  return [{ path: path || "(all)", sign, before: clipped(left), after: clipped(right) }];
}

function clipped(text: string | undefined): string | null {
  return text === undefined ? null : text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
