/** The steps that are loaded, newest first. Only the rows in sight are made, and some around them. */
import { effect, type Signal, signal } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { afterPaint } from "./after_paint.ts";
import { isFailure, type Step } from "./lit.ts";
import { Empty } from "./parts.tsx";
import { type Past, REST_MS } from "./past.ts";
import { lookAt } from "./timeline.tsx";
import { clock, eventWords, sinceWords } from "./words.ts";

const HEADS = ["Step", "Event", "From", "To", "At", "After", "Worker"];
/** How high the sheet makes a row. */
const ROW_PX = 36;
/** So many rows are made, and so many of them are passed before others are. */
const MADE = 27;
const STRIDE = 9;
/** A page that nobody has moved ends above the table: these are there at once, for whoever looks it up. */
const TOP: Part = { first: 0, made: 2 };

/** The table. */
export function HistoryTable({ past }: { readonly past: Past }) {
  const steps = past.steps.value;
  const jumps = past.jumps.value;
  const place = useRef<HTMLDivElement>(null);
  const scrolled = useRef(0);
  const isTop = rowOf(past) + scrolled.current === 0;
  const part = useMemo(() => signal(isTop ? TOP : partAround(rowOf(past))), [past, jumps]);
  const { first, made } = part.value;
  const from = Math.max(0, Math.min(first, steps.length - made));
  // A step only moves the mark, and is painted without it.
  const drawn = [past, steps, from, made];
  const rows = useMemo(() => <StepRows {...{ past, steps, from, made }} />, drawn);
  useLayoutEffect(() => {
    // Who asks where the first row is has it laid out twice.
    // After the chart, which is in sight.
    if (isTop) afterPaint(() => afterPaint(() => part.value = partAround(0)));
    else bringInSight(place.current, rowOf(past));
  }, [past, jumps]);
  useMark(place, past, drawn);
  if (steps.length === 0) return <Empty title="No steps yet" />;
  return (
    <div
      class="scroll tall"
      tabIndex={0}
      role="group"
      aria-label="History"
      ref={place}
      onScroll={({ currentTarget }) => follow(part, scrolled.current = currentTarget.scrollTop)}
    >
      {rows}
    </div>
  );
}

/** In which row the step is that is looked at. */
function rowOf(past: Past): number {
  return past.steps.peek().length - 1 - past.index.peek();
}

/** Rows that are made. */
interface Part {
  /** From 0, the newest step. */
  readonly first: number;
  readonly made: number;
}

function partAround(row: number): Part {
  return { first: Math.max(0, Math.floor((row - MADE / 2) / STRIDE) * STRIDE), made: MADE };
}

/** Makes others when those that are there come to an end. */
function follow(part: Signal<Part>, scrolled: number): void {
  const { first, made } = part.peek();
  const row = Math.floor(scrolled / ROW_PX);
  const isWithin = row >= first + Math.min(STRIDE, first) && row <= first + made - 2 * STRIDE;
  if (!isWithin) part.value = partAround(row + STRIDE);
}

function bringInSight(place: HTMLElement | null, row: number): void {
  if (!place) return;
  const { scrollTop, clientHeight } = place;
  const y = row * ROW_PX;
  // A row lower: the head of the table stays in sight, and covers one.
  const isSeen = y >= scrollTop && y + 2 * ROW_PX <= scrollTop + clientHeight;
  if (!isSeen) place.scrollTop = y - clientHeight / 2;
}

/** Marks the row of the step that is looked at: at once when rows are made, else when steps rest. */
function useMark(
  place: RefObject<HTMLDivElement | null>,
  past: Past,
  keys: readonly unknown[],
): void {
  useLayoutEffect(() => {
    let row: Element | null = null;
    let rest: ReturnType<typeof setTimeout> | undefined;
    const mark = () => {
      row?.removeAttribute("aria-current");
      row = place.current?.querySelector(`[data-version="${past.step.peek()?.version}"]`) ?? null;
      row?.setAttribute("aria-current", "step");
    };
    mark();
    let isFirst = true;
    const stop = effect(() => {
      if (!past.step.value || isFirst) return void (isFirst = false);
      clearTimeout(rest);
      rest = setTimeout(() => {
        mark();
        bringInSight(place.current, rowOf(past));
      }, REST_MS);
    });
    return () => {
      stop();
      clearTimeout(rest);
      row?.removeAttribute("aria-current");
    };
  }, keys);
}

interface RowsProps {
  readonly past: Past;
  readonly steps: readonly Step[];
  readonly from: number;
  readonly made: number;
}

function StepRows({ past, steps, from, made }: RowsProps) {
  const last = steps.length - from;
  const first = Math.max(0, last - made);
  return (
    <table class="history" aria-rowcount={steps.length + 1}>
      <thead>
        <tr>{HEADS.map((head) => <th key={head}>{head}</th>)}</tr>
      </thead>
      <Gap rows={from} />
      <tbody>
        {steps.slice(first, last).map((step, i) => (
          <StepRow
            key={step.version}
            past={past}
            step={step}
            before={steps[first + i - 1]}
            row={steps.length - first - i + 1}
          />
        )).reverse()}
      </tbody>
      <Gap rows={first} />
    </table>
  );
}

/** Room for rows that are not made. */
function Gap({ rows }: { readonly rows: number }) {
  if (rows === 0) return null;
  return (
    <tbody aria-hidden="true">
      <tr style={{ height: `${rows * ROW_PX}px` }} />
    </tbody>
  );
}

interface RowProps {
  readonly past: Past;
  readonly step: Step;
  readonly before: Step | undefined;
  /** From 1, the head. */
  readonly row: number;
}

function StepRow({ past, step, before, row }: RowProps) {
  return (
    <tr data-version={step.version} class={isFailure(step) ? "bad" : ""} aria-rowindex={row}>
      <td>
        <button type="button" class="plain number" onClick={() => lookAt(past, step.version)}>
          {step.version}
        </button>
      </td>
      <td>
        <code>
          <bdi>{eventWords(step.event)}</bdi>
        </code>
      </td>
      <td class="soft">
        <bdi>{step.from ?? "–"}</bdi>
      </td>
      <td>
        <bdi>{step.to}</bdi>
      </td>
      <td class="number">{clock(step.at)}</td>
      <td class="number soft">{before ? sinceWords(before, step) : "–"}</td>
      <td class="soft mono">{step.worker ? `…${step.worker.slice(-6)}` : "–"}</td>
    </tr>
  );
}
