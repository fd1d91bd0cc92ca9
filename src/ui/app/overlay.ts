/** What is laid over a chart: numbers on states and lines, and how strongly they are coloured. */
import type { Flow } from "../../core/flow.ts";
import type { Chart } from "../chart.ts";
import { takenBy } from "./lit.ts";
import { short } from "./amount.ts";

/** A number on a state; `step` 0 to 5: how strongly. */
export interface Mark {
  readonly text: string;
  readonly step: number;
  readonly isBad: boolean;
  /** Of two versions: what has become of it, as a lit state looks. */
  readonly tone?: "ok" | "hold";
}

/** Marks by state, and by transition. */
export interface Overlay {
  readonly states: ReadonlyMap<string, Mark>;
  readonly ways: ReadonlyMap<string, number>;
  /** Minutes that the ways were counted in. */
  readonly minutes: number;
  /** Of two that are compared: who took a way. */
  readonly paths?: ReadonlyMap<string, PathName>;
}

/** Who took a way. */
export type PathName = "a" | "b" | "both";

/** What can be laid over a chart. */
export const OVERLAYS = ["count", "stuck", "flow", "failures"] as const;
/** One of them. */
export type OverlayName = typeof OVERLAYS[number];

interface Group {
  readonly state: string;
  readonly count: number;
}

const none = new Map<string, number>();
const bare = { ways: none, minutes: 1 };

/** Counts of whole states, given to each part that is active in them. */
export function perState(chart: Chart, groups: readonly Group[]): Map<string, number> {
  const found = new Map<string, number>();
  const known = new Set(chart.states.map(({ id }) => id));
  for (const { state, count } of groups) {
    for (const part of state.split(",")) {
      if (known.has(part)) found.set(part, (found.get(part) ?? 0) + count);
    }
  }
  return found;
}

/** Lays one of them over. */
export function overlayOf(
  name: OverlayName,
  chart: Chart,
  counts: ReadonlyMap<string, number>,
  flow: Flow | null,
): Overlay {
  if (name === "count") return countsOver(chart, counts);
  if (!flow) return { states: new Map(), ...bare };
  if (name === "stuck") return stuckOver(counts, perState(chart, flow.stuck));
  return name === "flow" ? flowOver(chart, flow) : failuresOver(chart, flow);
}

/** One blue on a logarithmic scale; what has ended only grows, so that its number says enough. */
function countsOver(chart: Chart, counts: ReadonlyMap<string, number>): Overlay {
  const kinds = new Map(chart.states.map((state) => [state.id, state]));
  const isOver = (id: string) => {
    const state = kinds.get(id);
    return state?.type === "final" || state?.tags.includes("terminal") === true;
  };
  const marks = scaled(counts, (id) => isOver(id) || isFailed(id));
  return { ...bare, states: marks };
}

const isFailed = (id: string) => /dead|fail|error|stalled/i.test(id);

function scaled(
  counts: ReadonlyMap<string, number>,
  isPlain: (id: string) => boolean,
): Map<string, Mark> {
  const most = Math.max(1, ...counts.values());
  return new Map(
    [...counts].filter(([, count]) => count > 0).map(([id, count]) => [id, {
      text: short(count),
      step: isPlain(id) ? 0 : logStep(count, most),
      isBad: isFailed(id),
    }]),
  );
}

function logStep(count: number, most: number): number {
  return Math.max(1, Math.ceil(5 * Math.log(count + 1) / Math.log(most + 1)));
}

/** The share of those in a state that have waited longer than its own p99. */
function stuckOver(
  counts: ReadonlyMap<string, number>,
  stuck: ReadonlyMap<string, number>,
): Overlay {
  const shares = [...counts].filter(([id]) => stuck.has(id)).map(([id, count]) =>
    [id, Math.min(1, (stuck.get(id) ?? 0) / Math.max(1, count))] as const
  );
  return {
    ...bare,
    states: new Map(shares.map(([id, share]) => [id, {
      text: `${share < .1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`,
      step: Math.max(1, Math.ceil(share * 5)),
      isBad: share > .2,
    }])),
  };
}

/** How often each way was taken: the line is as heavy as that. */
function flowOver(chart: Chart, flow: Flow): Overlay {
  const ways = new Map<string, number>();
  for (const move of flow.moves) {
    for (const id of waysOf(chart, move)) ways.set(id, (ways.get(id) ?? 0) + move.count);
  }
  return { states: new Map(), ways, minutes: minutesOf(flow) };
}

/** The time in which there was anything: a fleet may be younger than what was looked at. */
export function minutesOf({ buckets, bucketMs }: Flow): number {
  const [first, last] = [buckets[0], buckets.at(-1)];
  if (!first || !last) return bucketMs / 60_000;
  return (Date.parse(last.at) - Date.parse(first.at) + bucketMs) / 60_000;
}

/** Jobs are counted by states alone: any of the transitions between two may have been it. */
function waysOf(chart: Chart, { from, event, to }: Flow["moves"][number]): Iterable<string> {
  if (event !== null) return takenBy(chart, { version: 0, at: "", from, event, to });
  const found = chart.transitions.find(({ source, targets }) =>
    source === from && targets.includes(to)
  );
  return found ? [found.id] : [];
}

/** Failures out of a state. */
function failuresOver(chart: Chart, flow: Flow): Overlay {
  const failed = flow.moves.filter((move) => move.failed > 0 && move.from !== null);
  const counts = perState(
    chart,
    failed.map((move) => ({
      state: move.from ?? "",
      count: move.failed,
    })),
  );
  const marks = [...counts].map(([id, count]) =>
    [id, { text: short(count), step: 0, isBad: true }] as const
  );
  return { ...bare, states: new Map(marks) };
}
