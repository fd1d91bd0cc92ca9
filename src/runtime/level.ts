/** A lane at one priority, as a process that looks at it knows it. Times are monotonic, in milliseconds. */
import type { Cursor, Lane } from "../store/store.ts";
import { HEAD } from "./lane_keys.ts";

/** A job whose transaction takes no longer than this is found without a look from the head. */
const LATE_MS = 250;

/** What is known of one level. */
export interface Level {
  readonly lane: Lane;
  cursor: Cursor;
  /** Where the cursor was `LATE_MS` ago or before. */
  earlier: Cursor;
  /** Where it was at `markedAt`: `earlier` before long. */
  marked: Cursor;
  markedAt: number;
  headScanAt: number;
  /** Until then one more look from the head, beside those that are due, would take too much of the time. */
  dearUntil: number;
  wakeAt: number;
  /** The next retry that this process knows of. */
  dueAt: number;
  isBusy: boolean;
  isFromHead: boolean;
  /** A hint came while it slept, and it was not looked at from its head since: jobs may be behind the cursor. */
  isUnsure: boolean;
  /** A hint came while a claim was under way: its answer may be older than the hint. */
  isRoused: boolean;
  /** A single job has come since it fell asleep, as far as is known. */
  isLone: boolean;
  /** Since when it is in no list of lanes; Infinity: it is in the last one, or was learnt since. */
  absentSince: number;
}

/** One that has to be looked at, from its head. */
export function newLevel(lane: Lane): Level {
  return {
    lane,
    cursor: HEAD,
    earlier: HEAD,
    marked: HEAD,
    markedAt: -Infinity,
    headScanAt: 0,
    dearUntil: 0,
    wakeAt: 0,
    dueAt: Infinity,
    isBusy: false,
    isFromHead: false,
    isUnsure: false,
    isRoused: false,
    isLone: false,
    absentSince: Infinity,
  };
}

/** One that had vanished, and has jobs again. */
export function returned(level: Level, lane: Lane): Level {
  return { ...level, lane, wakeAt: 0, isUnsure: true, absentSince: Infinity };
}

/** Jobs up to this key have been claimed. */
export function moveCursor(level: Level, { runAt, id }: Cursor, now: number): void {
  const to = { runAt, id };
  if (level.cursor === HEAD) {
    level.earlier = to;
    level.marked = to;
  } else if (now - level.markedAt >= LATE_MS) {
    level.earlier = level.marked;
    level.marked = level.cursor;
    level.markedAt = now;
  }
  level.cursor = to;
}
