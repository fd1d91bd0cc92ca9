/**
 * The last rung: states below each other, nested ones inside, lines along the right side. Not pretty,
 * and it cannot fail.
 */
import type { Chart } from "./chart.ts";
import {
  type Box,
  edgesOf,
  type Geometry,
  labelSize,
  type Line,
  rowsOf,
  size,
  stateSize,
} from "./geometry.ts";

const GAP = 24;

/** Lays a chart out without any search. */
export function plainLayout(chart: Chart): Geometry {
  const rows = rowsOf(chart);
  const states = new Map<string, Box>();
  const place = (id: string, x: number, y: number): Box => {
    const state = chart.states.find((one) => one.id === id);
    const own = rows.get(id) ?? [];
    const least = state ? stateSize(state, own) : { width: 0, height: 0 };
    const children = chart.states.filter((one) => one.parent === id && one.type !== "history");
    let bottom = y + size.head + own.length * size.row + GAP;
    let right = x + least.width;
    // Taken before its children, so that parents come first.
    states.set(id, { x, y, ...least });
    for (const child of children) {
      const box = place(child.id, x + GAP, bottom);
      bottom = box.y + box.height + GAP;
      right = Math.max(right, box.x + box.width + GAP);
    }
    const height = children.length === 0 ? least.height : bottom - y;
    const box = { x, y, width: right - x, height };
    states.set(id, box);
    return box;
  };
  const [root] = chart.states;
  const whole = root ? place(root.id, GAP, GAP) : { x: 0, y: 0, width: 0, height: 0 };
  const { lines, right } = linesBeside(chart, states, whole.x + whole.width);
  return { width: right + GAP, height: whole.y + whole.height + GAP, states, lines };
}

/** Each line has a column of its own to the right of everything. */
function linesBeside(chart: Chart, states: ReadonlyMap<string, Box>, from: number) {
  const lines = new Map<string, Line>();
  let right = from;
  for (const edge of edgesOf(chart)) {
    const [source, target] = [states.get(edge.source), states.get(edge.target)];
    if (!source || !target) continue;
    const label = labelSize(edge);
    const x = right + GAP;
    const [top, bottom] = [source.y + source.height / 2 - 6, target.y + target.height / 2 + 6];
    lines.set(edge.id, {
      points: [
        { x: source.x + source.width, y: top },
        { x, y: top },
        { x, y: bottom },
        { x: target.x + target.width, y: bottom },
      ],
      label: { x: x + 4, y: (top + bottom) / 2 - label.height / 2, ...label },
    });
    right = x + label.width;
  }
  return { lines, right };
}
