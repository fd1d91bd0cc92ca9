/**
 * The step that the panels beside a chart show: ten times a second, however fast somebody steps, and
 * after the chart has shown it.
 */
import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { systemClock } from "../../core/clock.ts";
import { afterPaint } from "./after_paint.ts";
import type { Step } from "./lit.ts";
import type { Past } from "./past.ts";

/** Nobody reads faster; the chart and the bar show each step. */
const GLANCE_MS = 100;

const known = new WeakMap<Past, Signal<Step | null>>();

/** One for each past, as long as that is there. A single step is shown in the frame after the chart's. */
export function glanceAt(past: Past, soon = afterPaint): ReadonlySignal<Step | null> {
  const found = known.get(past);
  if (found) return found;
  const shown = signal(past.step.peek());
  known.set(past, shown);
  let last = -Infinity;
  let isComing = false;
  const show = () => {
    isComing = false;
    last = systemClock.monotonic();
    shown.value = past.step.peek();
  };
  effect(() => {
    if (past.step.value === shown.peek() || isComing) return;
    if (shown.peek() === null) return show();
    isComing = true;
    const wait = last + GLANCE_MS - systemClock.monotonic();
    if (wait <= 0) soon(show);
    else setTimeout(show, wait);
  });
  return shown;
}
