/** A lane at one priority, as a process that looks at it knows it. Times are monotonic, in milliseconds. */
import { jittered, type Random } from "../core/clock.ts";
import type { Cursor, Lane } from "../store/store.ts";
import { HEAD, levelKey } from "./lane_keys.ts";

/** A scan from the head pauses for so many times its own duration. */
const HEAD_SCAN_SHARE = 20;
const HEAD_SCAN_MIN_MS = 20;
/** It is dear by what it takes beyond a usual claim and this. */
const CLAIM_MS = 2;
/** A job whose transaction takes no longer than this is found without a look from the head. */
const LATE_MS = 250;
/** So long a level that has vanished keeps its cursors: a queue that is nearly empty comes and goes. */
const ABSENT_MS = 60_000;
const ABSENT_MAX = 5_000;

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
  /** The last look from the head: how long the claim took (0: not known), and when it ended. */
  headTookMs: number;
  headEndedAt: number;
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

/** What a claim was like for a level. */
export interface LevelClaim {
  readonly now: number;
  readonly tookMs: number;
  /** It was of one lane: of many it is not known which one took it. */
  readonly isOfOneLane: boolean;
  readonly isExhausted: boolean;
  /** The level was come to at all. */
  readonly isLooked: boolean;
}

/** One that has to be looked at, from its head. */
function newLevel(lane: Lane): Level {
  return {
    lane,
    cursor: HEAD,
    earlier: HEAD,
    marked: HEAD,
    markedAt: -Infinity,
    headScanAt: 0,
    headTookMs: 0,
    headEndedAt: -Infinity,
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

/** Until then one more look from the head, beside those that are due, would take too much of the time. */
export function dearUntil({ headTookMs, headEndedAt }: Level, usualMs: number): number {
  return headEndedAt + HEAD_SCAN_SHARE * Math.max(0, headTookMs - usualMs - CLAIM_MS);
}

/** What a process knows of its claims, and how it sleeps. */
export interface Sleeping {
  /** The least that claims from no head took of late. */
  usualMs: number;
  readonly pollMs: number;
  readonly random: Random;
}

/** A claim has asked a level: when its head is looked at again, and how long it sleeps. */
export function endClaim(level: Level, claim: LevelClaim, sleeping: Sleeping): void {
  const { usualMs, pollMs, random } = sleeping;
  level.isBusy = false;
  if (level.isFromHead) {
    if (claim.isLooked) level.isUnsure = level.lane.isOrdered && level.isRoused;
    const pauseMs = Math.max(HEAD_SCAN_MIN_MS, HEAD_SCAN_SHARE * claim.tookMs);
    level.headScanAt = claim.now + jittered(pauseMs, random);
    level.headTookMs = claim.isOfOneLane ? claim.tookMs : 0;
    level.headEndedAt = claim.now;
  }
  if (!claim.isExhausted || level.isRoused) return;
  const polledAt = claim.now + jittered(pollMs, random);
  const sureAt = level.isUnsure ? Math.min(dearUntil(level, usualMs), level.headScanAt) : Infinity;
  level.wakeAt = Math.min(level.dueAt, polledAt, sureAt);
}

/** The levels that a process knows, those in the last list of lanes and, for a while, those that have vanished. */
export class Levels {
  readonly #present = new Map<string, Level>();
  readonly #absent = new Map<string, Level>();

  get size(): number {
    return this.#present.size;
  }

  values(): MapIterator<Level> {
    return this.#present.values();
  }

  get(name: Parameters<typeof levelKey>[0]): Level | undefined {
    return this.#present.get(levelKey(name));
  }

  /** The level of a lane, which need not be known. */
  learn(lane: Lane): Level {
    const key = levelKey(lane);
    const present = this.#present.get(key);
    if (present) return present;
    const absent = this.#absent.get(key);
    this.#absent.delete(key);
    const again = { lane, wakeAt: 0, isUnsure: true, absentSince: Infinity };
    const level = absent ? { ...absent, ...again } : newLevel(lane);
    if (lane.isOrdered) level.headScanAt = 0;
    this.#present.set(key, level);
    return level;
  }

  /** Takes over a fresh list: what is not in it, and is not asked just now, has vanished. */
  refresh(lanes: readonly Lane[], now: number): void {
    const listed = new Set(lanes.map((lane) => this.learn(lane)));
    for (const [key, level] of this.#present) {
      if (listed.has(level) || level.isBusy) continue;
      level.absentSince = now;
      this.#absent.set(key, level);
      this.#present.delete(key);
    }
    // The oldest come first.
    for (const [key, { absentSince }] of this.#absent) {
      if (now - absentSince <= ABSENT_MS && this.#absent.size <= ABSENT_MAX) break;
      this.#absent.delete(key);
    }
  }
}
