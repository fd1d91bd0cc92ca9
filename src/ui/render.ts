/**
 * Chart and geometry to one static SVG text. What is lit is a matter of classes that the page sets;
 * the picture itself never changes.
 */
import { textWidth } from "./advances.ts";
import type { Chart, ChartState, TransitionKind } from "./chart.ts";
import {
  type Box,
  type Edge,
  edgesOf,
  type Geometry,
  type Line,
  linesOf,
  type Point,
  type Row,
  rowsOf,
  size,
  textOf,
} from "./geometry.ts";
import css from "./chart.css" with { type: "text" };

/** Draws. Every state has `data-state`, every transition `data-transition`. */
export function renderChart(chart: Chart, geometry: Geometry): string {
  const rows = rowsOf(chart);
  const [width, height] = [n(geometry.width), n(geometry.height)];
  const label = escapeText(`Statechart of ${chart.name}`);
  const states = chart.states.map((state) => {
    const box = geometry.states.get(state.id);
    return box ? drawState(chart, state, box, rows.get(state.id) ?? []) : "";
  });
  const edges = edgesOf(chart).map((edge) => {
    const line = geometry.lines.get(edge.id);
    return line && line.points.length > 1 ? drawEdge(edge, line) : "";
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="graphics-document" aria-label="${label}">`,
    `<style>${css.replaceAll(/\s*\n\s*/g, "")}</style>`,
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.2" refY="4" markerWidth="8" markerHeight="8" ` +
    `markerUnits="userSpaceOnUse" orient="auto"><path class="arrow" d="M0 .6 7.6 4 0 7.4z"/></marker></defs>`,
    ...states,
    ...edges,
    "</svg>",
  ].join("\n");
}

/** Text inside SVG or HTML. */
function escapeText(text: string): string {
  return text.replaceAll(
    /[&<>"']/g,
    (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c] ?? c,
  );
}

function drawState(chart: Chart, state: ChartState, box: Box, rows: readonly Row[]): string {
  const isLeaf = !chart.states.some(({ parent }) => parent === state.id);
  const isBare = isLeaf && rows.length === 0;
  const parts = [
    `<g class="${classesOf(chart, state, isLeaf)}" data-state="${escapeText(state.id)}" ` +
    `role="graphics-symbol" aria-label="${escapeText(spokenOf(state))}" tabindex="-1">`,
    `<title>${escapeText(state.description ?? spokenOf(state))}</title>`,
    rectangle(box, "box", 9),
  ];
  if (state.type === "final") parts.push(rectangle(shrunk(box, 3.5), "ring", 6));
  const at = isBare
    ? { x: box.x + box.width / 2, y: box.y + box.height / 2 + 4.6, anchor: "middle" }
    : { x: box.x + size.pad, y: box.y + 21, anchor: "start" };
  parts.push(text(state.key, at, "name", at.anchor));
  if (state.type === "parallel") {
    const beside = { x: at.x + textWidth(state.key, 13) + 10, y: at.y };
    parts.push(text("parallel", beside, "mark", "start"));
  }
  if (!isBare) {
    const [left, right, y] = [box.x + 1, box.x + box.width - 1, box.y + size.head];
    parts.push(`<path class="rule" d="M${n(left)} ${n(y)}H${n(right)}"/>`);
  }
  rows.forEach((row, index) => parts.push(drawRow(row, box, index)));
  if (state.isInitial) parts.push(drawInitial(box));
  return [...parts, "</g>"].join("");
}

function classesOf(chart: Chart, state: ChartState, isLeaf: boolean): string {
  const parent = chart.states.find(({ id }) => id === state.parent);
  const region = parent?.type === "parallel" ? ["region"] : [];
  const tags = state.tags.map((tag) => `tag-${tag.replaceAll(/[^\w-]/g, "")}`);
  return ["state", state.type, isLeaf ? "leaf" : "nest", ...region, ...tags].join(" ");
}

function spokenOf({ id, type, isInitial }: ChartState): string {
  return `${id}, ${isInitial ? "initial " : ""}${type === "atomic" ? "state" : `${type} state`}`;
}

function drawRow(row: Row, box: Box, index: number): string {
  const at = { x: box.x + size.pad, y: box.y + size.head + 17 + index * size.row };
  const beside = { x: at.x + size.glyph, y: at.y };
  const line = glyph(row.kind, at) + text(row.text, beside, "words", "start");
  const words = row.transition === null
    ? `class="row ${row.kind}"`
    : `class="row transition" data-transition="${escapeText(row.transition)}"`;
  return `<g ${words}>${line}</g>`;
}

/** Shapes of ten by ten, so that kinds are told apart without colour. */
const GLYPHS: Readonly<Record<Row["kind"] | TransitionKind, string>> = {
  invoke: "M6 .5 1.5 5.5h3L4 9.5l4.5-5h-3z",
  entry: "M1 5h5M4 2.5 6.5 5 4 7.5M9 1.5v7",
  exit: "M1 1.5v7M3.5 5h5M6.5 2.5 9 5 6.5 7.5",
  stay: "M8.5 5a3.5 3.5 0 1 1-1.200-2.600M8.5 .8v2.200H6.300",
  event: "M.8 2h8.400v6H.8zM.8 2.300 5 5.5l4.200-3.200",
  after: "M5 1a4 4 0 1 0 .01 0zM5 2.800V5l1.600 1",
  always: "M1 2l3 3-3 3M5 2l3 3-3 3",
  done: "M1.5 5.5 4 8l4.5-6",
  error: "M2 2l6 6M8 2 2 8",
};

function glyph(kind: Row["kind"] | TransitionKind, { x, y }: Point): string {
  return `<path class="glyph" transform="translate(${n(x)} ${n(y - 9)})" d="${GLYPHS[kind]}"/>`;
}

function drawInitial({ x, y }: Box): string {
  const [cx, cy] = [n(x + 4), n(y - 13)];
  return `<g class="initial"><circle cx="${cx}" cy="${cy}" r="3.6"/>` +
    `<path d="M${cx} ${cy}q0 7 8 12" marker-end="url(#arrow)"/></g>`;
}

function drawEdge(edge: Edge, { points, label }: Line): string {
  const kinds = new Set(edge.transitions.map(({ kind }) => kind));
  const [only] = kinds.size === 1 ? kinds : ["event"];
  let y = label.y + 15;
  const lines = edge.transitions.map((transition) => {
    const at = { x: label.x + 7, y };
    const words = linesOf(transition);
    y += words.length * size.label;
    return `<g class="transition" data-transition="${escapeText(transition.id)}" ` +
      `data-event="${escapeText(transition.event)}">${glyph(transition.kind, at)}${
        labelText(words, { x: at.x + size.glyph, y: at.y })
      }</g>`;
  });
  const says = `${edge.source} to ${edge.target}: ${edge.transitions.map(textOf).join("; ")}`;
  return [
    `<g class="edge ${only}" data-from="${escapeText(edge.source)}" data-to="${
      escapeText(edge.target)
    }">`,
    `<title>${escapeText(says)}</title>`,
    `<path class="line" d="${rounded(points)}" marker-end="url(#arrow)"/>`,
    rectangle(label, "label", 6),
    ...lines,
    "</g>",
  ].join("");
}

/** The event in full ink, guard and actions beside or below it. */
function labelText(lines: readonly (readonly string[])[], { x, y }: Point): string {
  return lines.map((parts, index) => {
    const [event, more] = index === 0 ? [parts[0] ?? "", parts.slice(1)] : ["", parts];
    const rest = more.join(" ");
    return `<text class="event" x="${n(x)}" y="${n(y + index * size.label)}">${escapeText(event)}` +
      `${rest ? `<tspan class="more">${event ? " " : ""}${escapeText(rest)}</tspan>` : ""}</text>`;
  }).join("");
}

/** A line along right angles, its corners rounded. */
function rounded(points: readonly Point[], radius = 7): string {
  const [first] = points;
  if (!first) return "";
  const parts = [`M${n(first.x)} ${n(first.y)}`];
  for (let i = 1; i < points.length - 1; i++) {
    const [a, b, c] = [points[i - 1], points[i], points[i + 1]];
    if (!a || !b || !c) continue;
    const [into, out] = [Math.hypot(b.x - a.x, b.y - a.y), Math.hypot(c.x - b.x, c.y - b.y)];
    const r = Math.min(radius, into / 2, out / 2);
    if (r < 0.5) {
      parts.push(`L${n(b.x)} ${n(b.y)}`);
      continue;
    }
    const enter = { x: b.x - ((b.x - a.x) / into) * r, y: b.y - ((b.y - a.y) / into) * r };
    const leave = { x: b.x + ((c.x - b.x) / out) * r, y: b.y + ((c.y - b.y) / out) * r };
    parts.push(`L${n(enter.x)} ${n(enter.y)}Q${n(b.x)} ${n(b.y)} ${n(leave.x)} ${n(leave.y)}`);
  }
  const last = points.at(-1) ?? first;
  return `${parts.join("")}L${n(last.x)} ${n(last.y)}`;
}

function rectangle({ x, y, width, height }: Box, name: string, radius: number): string {
  return `<rect class="${name}" x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${
    n(height)
  }" rx="${radius}"/>`;
}

function shrunk({ x, y, width, height }: Box, by: number): Box {
  return { x: x + by, y: y + by, width: width - 2 * by, height: height - 2 * by };
}

function text(content: string, { x, y }: Point, name: string, anchor: string): string {
  return `<text class="${name}" x="${n(x)}" y="${n(y)}" text-anchor="${anchor}">${
    escapeText(content)
  }</text>`;
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}
