/** A lane at one priority, as a process that looks at it knows it. Times are monotonic, in milliseconds. */
import type { Cursor, Lane } from "../store/store.ts";
import { HEAD } from "./lane_keys.ts";

/** What is known of one level. */
export interface Level {
  readonly lane: Lane;
  cursor: Cursor;
  headScanAt: number;
  wakeAt: number;
  /** The next retry that this process knows of. */
  dueAt: number;
  isBusy: boolean;
  isFromHead: boolean;
  /** A hint came while a claim was under way: its answer may be older than the hint. */
  isRoused: boolean;
  /** A single job has come since it fell asleep, as far as is known. */
  isLone: boolean;
}

/** One that has to be looked at, from its head. */
export function newLevel(lane: Lane): Level {
  return {
    lane,
    cursor: HEAD,
    headScanAt: 0,
    wakeAt: 0,
    dueAt: Infinity,
    isBusy: false,
    isFromHead: false,
    isRoused: false,
    isLone: false,
  };
}
