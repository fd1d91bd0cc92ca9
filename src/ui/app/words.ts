/** Instants, durations, numbers and states, as people read them. */

import { systemClock } from "../../core/clock.ts";

/** `12:03:04.567`, with the date when it is not today's; a whole second without its thousandths. */
export function clock(instant: string | null): string {
  if (!instant) return "–";
  const [day, time = ""] = wallClock(Date.parse(instant));
  const isToday = day === wallClock(systemClock.now())[0];
  return `${isToday ? "" : `${day} `}${time.replace(".000", "")}`;
}

/** Day and time where the reader is. Not by a locale: that takes milliseconds, and a table has many. */
function wallClock(ms: number): string[] {
  const offset = 60_000 * new Date(ms).getTimezoneOffset();
  return new Date(ms - offset).toISOString().split(/[TZ]/);
}

/** A duration in the unit that fits. */
export function duration(ms: number): string {
  if (ms < 0) return `−${duration(-ms)}`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${(ms / 3_600_000).toFixed(1).replace(".0", "")} h`;
  return `${(ms / 86_400_000).toFixed(1).replace(".0", "")} d`;
}

/** `00:41`, `3:02:10`: what is left until an instant. */
export function countdown(ms: number): string {
  if (ms <= 0) return "due";
  const seconds = Math.ceil(ms / 1_000);
  if (seconds >= 86_400) return duration(ms);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}

/** `dead_letter`: `dead letter`. */
export function spoken(state: string): string {
  return state.replaceAll("_", " ");
}

/** The last part of a long id; others as they are. */
export function shortId(id: string): string {
  return /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(id) ? `…${id.slice(-12)}` : id;
}

/** The event as people read it: `xstate.after.1000.x` is a timer. */
export function eventWords(event: string): string {
  const [, delay] = /^xstate\.after\.([^.]+)\./.exec(event) ?? [];
  if (delay !== undefined) return `after ${/^\d+$/.test(delay) ? duration(Number(delay)) : delay}`;
  const [, what, actor = ""] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(event) ?? [];
  if (what) {
    return `${actor.replace(/^(\d+)\..*/, "invoke $1")} ${what === "done" ? "done" : "failed"}`;
  }
  if (event.startsWith("xstate.done.state.")) return `${event.slice(18).split(".").at(-1)} done`;
  return event === "xstate.init" || event === "START" ? "start" : event;
}

/** Characters that turn what follows round: shown by number, so that it stays what it is. */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** JSON for people; what is no JSON as text. */
export function json(value: unknown, indent = 2): string {
  const text = JSON.stringify(value, null, indent) ?? String(value);
  return text.replace(TURNING, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** How long after another moment, in words: "+3 s". */
export function sinceWords(before: { readonly at: string }, here: { readonly at: string }): string {
  return `+${duration(Date.parse(here.at) - Date.parse(before.at))}`;
}
