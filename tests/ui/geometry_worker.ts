/**
 * A worker that lays random statecharts out and checks the pictures: nested, parallel, history, final,
 * timers, invokes, candidates, loops, transitions that stay.
 */
/// <reference lib="deno.worker" />
import { assert } from "@std/assert";
import { type AnyStateMachine, createMachine, fromPromise } from "xstate";
import { type Chart, chartOf } from "../../src/ui/chart.ts";
import { newElk } from "../../src/ui/elk.ts";
import { type Box, edgesOf, type Geometry, type Point } from "../../src/ui/geometry.ts";
import { layoutChart } from "../../src/ui/layout.ts";
import { plainLayout } from "../../src/ui/plain_layout.ts";
import { renderChart } from "../../src/ui/render.ts";

const SEED = 20_261_128;

/** Repeatable numbers in [0, 1): mulberry32 by Tommy Ettinger (public domain). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Sketch {
  [key: string]: unknown;
  states?: Record<string, Sketch>;
}

/** A machine of its own for every number. */
function randomMachine(n: number): AnyStateMachine {
  const random = numbers(SEED + n);
  const below = (limit: number) => Math.floor(random() * limit);
  let left = 1 + below(26);
  const ids: string[] = [];
  const build = (id: string, depth: number): Sketch => {
    ids.push(id);
    const children = depth < 4 && left > 0 && random() < (depth === 0 ? 1 : .35) ? 1 + below(5) : 0;
    const names = Array.from({ length: children }, (_, i) => `s${i}`).filter(() => left-- > 0);
    if (names.length === 0) return depth > 0 && random() < .12 ? { type: "final" } : {};
    const isParallel = depth > 0 && names.length > 1 && random() < .3;
    const states: Record<string, Sketch> = Object.fromEntries(
      names.map((name) => [name, build(`${id}.${name}`, depth + 1)]),
    );
    if (!isParallel && random() < .2) states.before = { type: "history" };
    return { states, ...isParallel ? { type: "parallel" } : { initial: names[0] } };
  };
  const root = build("m", 0);
  const give = (sketch: Sketch, id: string) => {
    for (const [name, child] of Object.entries(sketch.states ?? {})) give(child, `${id}.${name}`);
    if (sketch.type === "final" || sketch.type === "history") return;
    const target = () => `#${ids[below(ids.length)]}`;
    const way = () => ({
      ...random() < .15 ? {} : { target: target() },
      ...random() < .3 ? { guard: () => true } : {},
      ...random() < .3 ? { actions: ["note", "tell"] } : {},
      ...random() < .1 ? { reenter: true } : {},
    });
    const events = Array.from(
      { length: below(4) },
      (_, i) => [`EVENT_${i}`, [way(), way()].slice(below(2))],
    );
    sketch.on = Object.fromEntries(events);
    if (random() < .15) sketch.after = { 5_000: way() };
    if (random() < .15) sketch.invoke = { src: "work", onDone: way(), onError: way() };
    if (random() < .2) sketch.entry = ["enter"];
  };
  give(root, "m");
  const withIds = (sketch: Sketch, id: string): Sketch => ({
    ...sketch,
    ...sketch.type === "history" ? {} : { id },
    ...sketch.states
      ? {
        states: Object.fromEntries(
          Object.entries(sketch.states).map((
            [name, child],
          ) => [name, withIds(child, `${id}.${name}`)]),
        ),
      }
      : {},
  });
  const actors = { work: fromPromise(() => Promise.resolve()) };
  return createMachine(withIds(root, "m")).provide({ actors });
}

const right = ({ x, width }: Box) => x + width;
const bottom = ({ y, height }: Box) => y + height;

function isApart(a: Box, b: Box): boolean {
  return right(a) <= b.x + .5 || right(b) <= a.x + .5 || bottom(a) <= b.y + .5 ||
    bottom(b) <= a.y + .5;
}

/** On the border: a line begins and ends where a box does. */
function isOnBorder({ x, y }: Point, box: Box): boolean {
  const near = (a: number, b: number) => Math.abs(a - b) < 1.5;
  const isWithin = x > box.x - 1.5 && x < right(box) + 1.5 && y > box.y - 1.5 &&
    y < bottom(box) + 1.5;
  return isWithin &&
    (near(x, box.x) || near(x, right(box)) || near(y, box.y) || near(y, bottom(box)));
}

function checkStates(chart: Chart, { states }: Geometry, name: string): void {
  const drawn = chart.states.filter(({ type }) => type !== "history");
  for (const { id, parent } of drawn) {
    const box = states.get(id);
    assert(box, `${name}: ${id} has a place`);
    const around = states.get(parent ?? "");
    if (!around) continue;
    const isInside = box.x >= around.x - .5 && box.y >= around.y - .5 &&
      right(box) <= right(around) + .5 && bottom(box) <= bottom(around) + .5;
    assert(isInside, `${name}: ${id} inside ${parent}`);
    for (const other of drawn) {
      if (other.parent !== parent || other.id <= id) continue;
      const beside = states.get(other.id);
      assert(beside && isApart(box, beside), `${name}: ${id} and ${other.id} apart`);
    }
  }
}

function checkLines(chart: Chart, { states, lines }: Geometry, name: string): void {
  const labels: Box[] = [];
  for (const { id, source, target } of edgesOf(chart)) {
    const line = lines.get(id);
    const [first, last] = [line?.points[0], line?.points.at(-1)];
    const [from, to] = [states.get(source), states.get(target)];
    assert(line && first && last && from && to, `${name}: ${id} is drawn`);
    assert(isOnBorder(first, from), `${name}: ${id} begins at ${source}`);
    assert(isOnBorder(last, to), `${name}: ${id} ends at ${target}`);
    const clash = labels.find((other) => !isApart(line.label, other));
    assert(!clash, `${name}: the label of ${id} has its own place`);
    labels.push(line.label);
  }
}

/** One machine through all of it; gives how many lines it has. */
async function check(n: number): Promise<number> {
  const chart = chartOf(randomMachine(n));
  const geometry = await layoutChart(chart, elk);
  checkStates(chart, geometry, `machine ${n}`);
  checkLines(chart, geometry, `machine ${n}`);
  checkStates(chart, plainLayout(chart), `machine ${n}, plainly`);
  assert(renderChart(chart, geometry).endsWith("</svg>"), `machine ${n} is drawn`);
  return edgesOf(chart).length;
}

const elk = newElk();

/** Which machines: from one number to another, every so many. */
interface Share {
  readonly from: number;
  readonly to: number;
  readonly by: number;
}

self.onmessage = async ({ data }: MessageEvent<Share>) => {
  try {
    let edges = 0;
    let count = 0;
    for (let n = data.from; n < data.to; n += data.by, count++) edges += await check(n);
    self.postMessage({ edges, count });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
