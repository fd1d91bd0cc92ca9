/** What a page does, by Chromium's own account: processor time by kind, whatever else the machine does. */
import type { Browser, Page } from "playwright-core";

/** Milliseconds of processor time, and how much was touched. */
export interface Work {
  readonly script: number;
  readonly style: number;
  readonly layout: number;
  /** From what has changed to a list of what is drawn. */
  readonly paint: number;
  readonly raster: number;
  /** Elements whose style was worked out. */
  readonly restyled: number;
  readonly layouts: number;
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  /** By the clock of the thread: waiting is not in it. */
  readonly tdur?: number;
  readonly args?: { readonly elementCount?: number; readonly data?: unknown };
}

/** A key and the frame that answers it, in milliseconds from the time that the event bears. */
export interface Answer {
  /** Until its handlers begin, and what they take together. */
  readonly delay: number;
  readonly handlers: number;
  /** Until the page is through with the frame: styled, laid out, painted, handed over. */
  readonly handedOver: number;
  /** Until the frame is shown: drawn by the compositor, at the next turn of the screen. */
  readonly shown: number;
}

/** What keys cost: the frame that answers each, and the work done for all of them, for one. */
export interface Keys {
  readonly answers: readonly Answer[];
  /** From the keys to the end of their frames, on the page's own thread. */
  readonly frame: Work;
  /** The same with all that follows, on all threads. */
  readonly whole: Work;
}

type Kind = "script" | "style" | "layout" | "paint" | "raster";

const KINDS: Readonly<Record<string, Kind>> = {
  EventDispatch: "script",
  FunctionCall: "script",
  RunMicrotasks: "script",
  FireAnimationFrame: "script",
  TimerFire: "script",
  EvaluateScript: "script",
  MajorGC: "script",
  MinorGC: "script",
  UpdateLayoutTree: "style",
  Layout: "layout",
  PrePaint: "paint",
  Paint: "paint",
  Layerize: "paint",
  Commit: "paint",
  RasterTask: "raster",
};

/** The frames of the keys that are pressed meanwhile, by Chromium's trace of its event timing. */
export async function keysOf(
  browser: Browser,
  page: Page,
  act: () => Promise<void>,
): Promise<Keys> {
  await browser.startTracing(page, {
    categories: [
      "devtools.timeline",
      "v8.execute",
      "disabled-by-default-v8.gc",
    ],
  });
  await act();
  const bytes = await browser.stopTracing();
  const { traceEvents } = JSON.parse(new TextDecoder().decode(bytes));
  return keysIn(traceEvents);
}

function keysIn(events: readonly TraceEvent[]): Keys {
  const answers: Answer[] = [];
  const spans: Span[] = [];
  for (const { name, ph, pid, tid, ts, args } of events) {
    const data = Object(args?.data);
    if (name !== "EventTiming" || ph !== "b" || data.type !== "keydown") {
      continue;
    }
    // Those that change nothing have no frame of their own.
    if (!(data.commitFinishTime > 0)) continue;
    const since = (at: number) => at - data.timeStamp;
    const handedOver = since(data.commitFinishTime);
    answers.push({
      delay: since(data.processingStart),
      handlers: data.processingEnd - data.processingStart,
      handedOver,
      shown: data.duration,
    });
    spans.push({ pid, tid, from: ts, to: ts + handedOver * 1_000 });
  }
  const isWithin = ({ pid, tid, ts }: TraceEvent) =>
    spans.some((span) =>
      span.pid === pid && span.tid === tid && span.from <= ts && ts <= span.to
    );
  return {
    answers,
    frame: perTime(sumUp(events.filter(isWithin)), answers.length),
    whole: perTime(sumUp(events), answers.length),
  };
}

interface Span {
  readonly pid: number;
  readonly tid: number;
  readonly from: number;
  readonly to: number;
}

/** What a piece of work has begun itself, without that of other kinds within it. */
function sumUp(events: readonly TraceEvent[]): Work {
  const sums = { script: 0, style: 0, layout: 0, paint: 0, raster: 0 };
  let [restyled, layouts] = [0, 0];
  const known = events.filter(({ name, ph }) => ph === "X" && name in KINDS);
  const threads = Map.groupBy(known, ({ pid, tid }) => `${pid} ${tid}`);
  for (const all of threads.values()) {
    const open: { end: number; kind: Kind }[] = [];
    for (const event of all.toSorted((a, b) => a.ts - b.ts)) {
      const kind = KINDS[event.name];
      if (!kind) continue;
      const { ts, dur = 0, tdur = dur } = event;
      while ((open.at(-1)?.end ?? Infinity) <= ts) open.pop();
      const around = open.at(-1);
      if (around) sums[around.kind] -= tdur;
      sums[kind] += tdur;
      open.push({ end: ts + dur, kind });
      if (event.name === "Layout") layouts++;
      restyled += event.args?.elementCount ?? 0;
    }
  }
  return { ...sums, restyled, layouts };
}

function perTime(work: Work, times: number): Work {
  const { script, style, layout, paint, raster, restyled, layouts } = work;
  const ms = (micros: number) => micros / 1_000 / times;
  return {
    ...{ script: ms(script), style: ms(style), layout: ms(layout) },
    ...{ paint: ms(paint), raster: ms(raster) },
    ...{ restyled: restyled / times, layouts: layouts / times },
  };
}
