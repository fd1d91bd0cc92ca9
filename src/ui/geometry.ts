/** The geometry of a chart: where everything is, in pixels from the top left. */
import { textWidth } from "./advances.ts";
import type { Chart, ChartState, ChartTransition } from "./chart.ts";

/** A point. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A rectangle. */
export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

/** All transitions between one pair of states are one line with one label. */
export interface Edge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly transitions: readonly ChartTransition[];
}

/** A drawn line: its points, and the box of its label. */
export interface Line {
  readonly points: readonly Point[];
  readonly label: Box;
}

/** A chart with places. */
export interface Geometry {
  readonly width: number;
  readonly height: number;
  readonly states: ReadonlyMap<string, Box>;
  readonly lines: ReadonlyMap<string, Line>;
}

/** Heights, paddings and the width of a label's line, which layout and drawing share. */
export const size = { head: 32, row: 18, label: 16, line: 118, pad: 13, glyph: 15 } as const;

/** A row inside a state's box. */
export interface Row {
  readonly kind: "invoke" | "entry" | "exit" | "stay";
  readonly text: string;
  /** Of a transition that stays in the state. */
  readonly transition: string | null;
}

/** Edges between boxes; a history state stands for its parent, and says so in the label. */
export function edgesOf(chart: Chart): Edge[] {
  const states = new Map(chart.states.map((state) => [state.id, state]));
  const edges = new Map<string, ChartTransition[]>();
  for (const transition of chart.transitions) {
    for (const target of transition.targets) {
      const state = states.get(target);
      const isHistory = state?.type === "history";
      const to = isHistory ? state.parent ?? target : target;
      const key = `${transition.source} → ${to}`;
      const shown = isHistory ? { ...transition, label: `${transition.label} → H` } : transition;
      edges.set(key, [...edges.get(key) ?? [], shown]);
    }
  }
  return [...edges].map(([id, transitions]) => {
    const [source = "", target = ""] = id.split(" → ");
    return { id, source, target, transitions };
  });
}

/** The rows of each state. */
export function rowsOf(chart: Chart): ReadonlyMap<string, readonly Row[]> {
  const staying = Map.groupBy(
    chart.transitions.filter(({ targets }) => targets.length === 0),
    ({ source }) => source,
  );
  return new Map(chart.states.map((state) => [state.id, [
    ...rows("invoke", state.invokes),
    ...rows("entry", state.entry),
    ...rows("exit", state.exit),
    ...(staying.get(state.id) ?? []).map((transition): Row => ({
      kind: "stay",
      text: clip(textOf(transition), 44),
      transition: transition.id,
    })),
  ]]));
}

function rows(kind: Row["kind"], names: readonly string[]): Row[] {
  return names.map((name) => ({ kind, text: clip(name, 44), transition: null }));
}

/** A transition as its event, its guard and its actions; what it has not is left out. */
function partsOf({ label, guard, actions }: ChartTransition): string[] {
  return [
    clip(label, 32),
    ...guard === null ? [] : [`[${clip(guard, 28)}]`],
    ...actions.length === 0 ? [] : [`/ ${clip(actions.join(", "), 28)}`],
  ];
}

/** The same as one text. */
export function textOf(transition: ChartTransition): string {
  return partsOf(transition).join(" ");
}

/** The parts in lines: narrow labels make narrow pictures, which can be shown larger. */
export function linesOf(transition: ChartTransition): string[][] {
  const lines: string[][] = [];
  for (const part of partsOf(transition)) {
    const last = lines.at(-1);
    const width = textWidth([...last ?? [], part].join(" "), 11);
    if (last && width <= size.line) last.push(part);
    else lines.push([part]);
  }
  return lines;
}

/** Size of a state without children. */
export function stateSize(
  state: ChartState,
  rows: readonly Row[],
): { width: number; height: number } {
  const widths = [
    92,
    34 + textWidth(state.key, 13),
    ...rows.map(({ text }) => 2 * size.pad + size.glyph + textWidth(text, 11)),
  ];
  return {
    width: Math.ceil(Math.max(...widths)),
    height: size.head + (rows.length > 0 ? rows.length * size.row + 8 : 4),
  };
}

/** Size of a label with the lines of all its transitions. */
export function labelSize(edge: Edge): { width: number; height: number } {
  const lines = edge.transitions.flatMap(linesOf);
  const width = Math.max(...lines.map((line) => textWidth(line.join(" "), 11)));
  return { width: Math.ceil(width) + 14 + size.glyph, height: lines.length * size.label + 6 };
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
