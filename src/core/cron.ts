/**
 * When a cron pattern or an interval fires: pure, by the clock of a time zone.
 *
 * Patterns are croner's: five fields, with seconds six, with years seven. A pattern without `*` and
 * steps in its seconds, minutes and hours names times of day: one that a change of the clock leaves
 * out fires at the first instant after the gap, one that comes twice fires the first time alone.
 * Every other pattern keeps its rhythm: it passes over the gap, and fires in both of two equal hours.
 */
import { Cron } from "croner";
import { InvalidInputError } from "./errors.ts";

/** When something fires. */
export type Rhythm =
  | { readonly cron: string; readonly timeZone: string }
  /** Every so many milliseconds since an instant. */
  | { readonly everyMs: number; readonly anchorMs: number };

const KNOWN_MAX = 1_000;
/** Of one pattern; many schedules have the same. */
const MEMORY_MAX = 64;

interface Pattern {
  readonly cron: Cron;
  readonly next: Map<number, number | null>;
}

const known = new Map<string, Pattern>();

/**
 * The first fire time after an instant, in milliseconds since 1970; null: never again.
 *
 * @throws {InvalidInputError} The pattern or the zone is none: paths `cron`, `timeZone`.
 */
export function nextFire(rhythm: Rhythm, afterMs: number): number | null {
  if ("everyMs" in rhythm) {
    const { everyMs, anchorMs } = rhythm;
    return afterMs < anchorMs
      ? anchorMs
      : anchorMs + (Math.floor((afterMs - anchorMs) / everyMs) + 1) * everyMs;
  }
  const { cron, next } = patternOf(rhythm.cron, rhythm.timeZone);
  const found = next.get(afterMs);
  if (found !== undefined) return found;
  const time = cron.nextRun(new Date(afterMs))?.getTime() ?? null;
  if (next.size >= MEMORY_MAX) next.clear();
  next.set(afterMs, time);
  return time;
}

/** The next `count` fire times after an instant, fewer when there are no more. */
export function nextFires(rhythm: Rhythm, afterMs: number, count: number): number[] {
  const times: number[] = [];
  for (let at = nextFire(rhythm, afterMs); at !== null && times.length < count;) {
    times.push(at);
    at = nextFire(rhythm, at);
  }
  return times;
}

/** Whether a name is a zone of the IANA database, as this platform knows it. */
export function isTimeZone(name: string): boolean {
  // An offset is no zone: it does not know when clocks change.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

function patternOf(text: string, timeZone: string): Pattern {
  const key = `${timeZone}\n${text}`;
  const before = known.get(key);
  if (before) return before;
  const pattern = { cron: parse(text, timeZone), next: new Map<number, number | null>() };
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(key, pattern);
  return pattern;
}

function parse(text: string, timeZone: string): Cron {
  if (!isTimeZone(timeZone)) {
    const message = `Unknown time zone "${timeZone}"; use an IANA name such as "Europe/Berlin"`;
    throw new InvalidInputError([{ path: "timeZone", message }]);
  }
  // Without a zone to ask for, croner takes a sixth of the time.
  const zone = /^(etc\/)?utc$/i.test(timeZone) ? { utcOffset: 0 } : { timezone: timeZone };
  try {
    // croner would take an instant as well.
    if (/^\s*\d{4}-/.test(text)) throw new TypeError("this is an instant, not a pattern");
    return new Cron(text, { ...zone, fixedTimeRule: "no-wildcard", paused: true });
  } catch (error) {
    const reason = (error instanceof Error ? error.message : "").replace(/^CronPattern: /, "");
    const message = `Not a cron pattern: ${reason.slice(0, 200)}`;
    throw new InvalidInputError([{ path: "cron", message }]);
  }
}
