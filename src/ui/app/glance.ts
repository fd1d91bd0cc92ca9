/** The step that the panels beside a chart show: ten times a second, however fast somebody steps. */
import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { systemClock } from "../../core/clock.ts";
import type { Step } from "./lit.ts";
import type { Past } from "./past.ts";

/** Nobody reads faster; the chart and the bar show each step. */
const GLANCE_MS = 100;

const known = new WeakMap<Past, Signal<Step | null>>();

/** One for each past, as long as that is there. A single step is shown at once. */
export function glanceAt(past: Past): ReadonlySignal<Step | null> {
  const found = known.get(past);
  if (found) return found;
  const shown = signal(past.step.peek());
  known.set(past, shown);
  let last = -Infinity;
  let rest: ReturnType<typeof setTimeout> | undefined;
  const show = () => {
    rest = undefined;
    last = systemClock.monotonic();
    shown.value = past.step.peek();
  };
  effect(() => {
    if (past.step.value === shown.peek() || rest !== undefined) return;
    const wait = last + GLANCE_MS - systemClock.monotonic();
    if (wait <= 0) show();
    else rest = setTimeout(show, wait);
  });
  return shown;
}
