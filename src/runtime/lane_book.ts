/**
 * Which lanes a process looks at, and from where.
 *
 * Tenants take turns and share a claim evenly, and so do the lanes of a tenant, unless weights say
 * otherwise. A lane has a level
 * for each priority of its jobs; within a lane lower numbers go first. A cursor is the last claimed key of a level: starting there,
 * a claim does not walk the dead index entries that a long transaction elsewhere keeps alive. It is
 * a hint of this process alone; a scan from the head, repeated after 20 times its own duration,
 * finds what arrived behind it (late commits, handed-back jobs). An exhausted level sleeps until a
 * hint or the next poll. What the hint tells of may be behind the cursor: the level is looked at from its
 * head at once while that is cheap; else from where the cursor was a moment ago, and from its head as
 * soon as that takes no more than its share of the time.
 */
import type { Clock, Random } from "../core/clock.ts";
import type { ClaimedJob, Cursor, Lane, LaneRequest } from "../store/store.ts";
import { FairShare, type Weigh } from "./fair_share.ts";
import { isGated } from "./gates.ts";
import { HEAD, isAfter, laneKeyOf, runsOfALevel } from "./lane_keys.ts";
import { dearUntil, endClaim, type Level, Levels, moveCursor, type Sleeping } from "./level.ts";

/** What is usual is the least that claims from no head took of late: each forgets so much of it. */
const FORGET = 1.05;

/** The lanes of one tenant, in the order of their turns; the levels of each by priority. */
interface Tenant {
  readonly lanes: readonly Level[][];
  next: number;
}

/** Whether a lane may be asked. */
export type Admits = (lane: Lane) => boolean;

const admitAll: Admits = () => true;

/** A lane's part of a claim. */
interface Share {
  readonly quantum: number;
  readonly levels: readonly Level[];
}

/** Lanes chosen for one claim; give it back to `settle` or `release`. */
export interface Selection {
  readonly isWeighted: boolean;
  readonly requests: readonly LaneRequest[];
  /** The levels asked, lane by lane. */
  readonly lanes: readonly (readonly Level[])[];
}

/** The lanes of one process. */
export class LaneBook {
  readonly #levels = new Levels();
  #tenants: Tenant[] = [];
  #next = 0;
  #hasGated = false;
  readonly #sleeping: Sleeping;
  readonly #owed = new FairShare();

  constructor(
    private readonly clock: Clock,
    random: Random,
    pollMs: number,
  ) {
    this.#sleeping = { usualMs: 0, pollMs, random };
  }

  /** Takes over a fresh list; known levels keep their cursors, those that have vanished for a while. */
  refresh(lanes: readonly Lane[]): void {
    this.#levels.refresh(lanes, this.clock.monotonic());
    this.#arrange();
  }

  /** Jobs have arrived here, or a single one (`isLone`): look at once, from the head. */
  wake(lanes: readonly Lane[], isLone = false): void {
    const known = this.#levels.size;
    for (const lane of lanes) {
      this.#rouse(this.#levels.learn(lane), isLone);
    }
    if (this.#levels.size !== known) this.#arrange();
  }

  /** A job of this level comes due in `delayMs`: do not sleep longer. */
  wakeIn(lane: { tenantId: string; lane: string; priority: number }, delayMs: number): void {
    const level = this.#levels.get(lane);
    if (!level) return;
    level.dueAt = Math.min(level.dueAt, this.clock.monotonic() + delayMs);
    level.wakeAt = Math.min(level.wakeAt, level.dueAt);
  }

  /** Something may have arrived anywhere. */
  wakeAll(): void {
    for (const level of this.#levels.values()) this.#rouse(level);
  }

  /**
   * Up to `lanesMax` lanes that share `limit`; null when all sleep. Never more lanes than jobs asked
   * for, and the next claim begins where this one ended: with one free slot, too, all get their turn.
   *
   * @param admits Which lanes may be asked at all.
   * @param weigh Who is to get more than others; null: nobody.
   */
  select(
    limit: number,
    lanesMax: number,
    admits: Admits = admitAll,
    weigh: Weigh | null = null,
  ): Selection | null {
    const now = this.clock.monotonic();
    const lanes = Math.min(limit, lanesMax);
    const shares = weigh
      ? this.#shareByWeight(now, limit, lanes, admits, weigh)
      : this.#shareEvenly(now, limit, lanes, admits);
    if (shares.length === 0) return null;
    return {
      isWeighted: weigh !== null,
      lanes: shares.map(({ levels }) => levels),
      requests: shares.map(({ quantum, levels }) => ({
        quantum,
        isLone: levels.every(({ isLone }) => isLone),
        levels: levels.map((level) => ({ lane: level.lane, from: this.#begin(level, now) })),
      })),
    };
  }

  /** Whether there are lanes whose jobs have a limit key or an ordering key. */
  get hasGated(): boolean {
    return this.#hasGated;
  }

  /** The lane of a job; null: it is not known any more. */
  laneOf(job: { tenantId: string; lane: string; priority: number }): Lane | null {
    return this.#levels.get(job)?.lane ?? null;
  }

  /** A job with an ordering key has ended: the next one may be in any lane. */
  wakeOrdered(): void {
    for (const level of this.#levels.values()) if (level.lane.isOrdered) this.#rouse(level);
  }

  /** Whether some lane of a kind has something to ask. */
  isAwake(admits: Admits): boolean {
    const now = this.clock.monotonic();
    for (const level of this.#levels.values()) {
      if (!level.isBusy && level.wakeAt <= now && admits(level.lane)) return true;
    }
    return false;
  }

  /**
   * Moves the cursors, and puts exhausted levels to sleep.
   *
   * @param isHeldUp Lanes, by their place in the selection, that brought less than they have.
   */
  settle(
    selection: Selection,
    jobs: readonly ClaimedJob[],
    limit: number,
    tookMs: number,
    isHeldUp: (index: number) => boolean = () => false,
  ): void {
    const now = this.clock.monotonic();
    const got = new Map<string, number>();
    const moved = new Set<Level>();
    if (!selection.lanes.flat().some(({ isFromHead }) => isFromHead)) {
      this.#sleeping.usualMs = Math.min((this.#sleeping.usualMs || tookMs) * FORGET, tookMs);
    }
    for (const { first, last, count } of runsOfALevel(jobs)) {
      const key = laneKeyOf(first);
      got.set(key, (got.get(key) ?? 0) + count);
      if (selection.isWeighted) this.#owed.charge(first, count);
      const level = this.#levels.get(first);
      if (!level || !isAfter(last, level.cursor)) continue;
      moveCursor(level, last, now);
      moved.add(level);
    }
    const isOfOneLane = selection.lanes.length === 1;
    selection.lanes.forEach((levels, index) => {
      const [first] = levels;
      // With its full share, or the whole claim's, a lane may have more.
      const isExhausted = jobs.length < limit && first !== undefined &&
        (got.get(laneKeyOf(first.lane)) ?? 0) < (selection.requests[index]?.quantum ?? 0) &&
        !isHeldUp(index);
      for (const level of levels) {
        // Before a cursor that has moved there was nothing else.
        const isLooked = isExhausted || moved.has(level);
        endClaim(level, { now, tookMs, isOfOneLane, isExhausted, isLooked }, this.#sleeping);
      }
    });
  }

  /** The claim failed: as if it had not been tried. */
  release(selection: Selection): void {
    for (const level of selection.lanes.flat()) level.isBusy = false;
  }

  /** The last claim found nothing more in this level, and no hint has come since that was not followed to its end. */
  isIdle(lane: Lane): boolean {
    const level = this.#levels.get(lane);
    return level !== undefined && !level.isBusy && !level.isUnsure &&
      level.wakeAt > this.clock.monotonic();
  }

  /** Whether a level sleeps only until its head may be looked at. */
  get isUnsure(): boolean {
    const now = this.clock.monotonic();
    return this.#levels.values().some(({ isUnsure, wakeAt }) => isUnsure && wakeAt > now);
  }

  /** As far as is known nothing waits in this level: it is idle, or was in no list of lanes. */
  isQuiet(lane: Lane): boolean {
    return this.#levels.get(lane) === undefined || this.isIdle(lane);
  }

  /** Monotonic instant at which the next level wakes, and may be asked; Infinity without any. */
  nextWakeAt(opensAt: (lane: Lane) => number = () => -Infinity): number {
    let next = Infinity;
    for (const level of this.#levels.values()) {
      if (level.wakeAt < next) next = Math.min(next, Math.max(level.wakeAt, opensAt(level.lane)));
    }
    return next;
  }

  /**
   * Monotonic instant at which the first of the lanes that are awake may be asked; null when one may be
   * asked now, or none is awake.
   */
  heldUpUntil(opensAt: (lane: Lane) => number): number | null {
    const now = this.clock.monotonic();
    const awake = [...this.#levels.values()].filter(({ wakeAt }) => wakeAt <= now);
    const until = Math.min(...awake.map(({ lane }) => opensAt(lane)));
    return until > now && until < Infinity ? until : null;
  }

  #shareEvenly(now: number, limit: number, lanesMax: number, admits: Admits): Share[] {
    const chosen = this.#choose(now, lanesMax, admits);
    const share = Math.ceil(limit / chosen.size);
    return [...chosen.values()].flatMap((lanes) =>
      lanes.map((levels) => ({ levels, quantum: Math.ceil(share / lanes.length) }))
    );
  }

  #shareByWeight(
    now: number,
    limit: number,
    lanesMax: number,
    admits: Admits,
    weigh: Weigh,
  ): Share[] {
    const awake = this.#tenants.flatMap(({ lanes }) => lanes)
      .map((lane) => lane.filter((level) => !level.isBusy && level.wakeAt <= now))
      .filter(([first]) => first !== undefined && admits(first.lane));
    return this.#owed.divide(awake, limit, lanesMax, weigh);
  }

  /** Waking lanes by tenant: one of each tenant in turn, then further ones while there is room. */
  #choose(now: number, lanesMax: number, admits: Admits): Map<Tenant, Level[][]> {
    const chosen = new Map<Tenant, Level[][]>();
    const first = this.#next;
    let count = 0;
    for (let n = 0; n < this.#tenants.length && count < lanesMax; n++) {
      const tenant = this.#tenants[(first + n) % this.#tenants.length];
      this.#next = (first + n + 1) % this.#tenants.length;
      const levels = tenant && nextAwake(tenant, now, [], admits);
      if (!tenant || !levels) continue;
      chosen.set(tenant, [levels]);
      count++;
    }
    // A whole turn ends where it began: begin the next one further on.
    if (count < lanesMax && this.#tenants.length > 0) {
      this.#next = (first + 1) % this.#tenants.length;
    }
    for (const [tenant, lanes] of chosen) {
      for (; count < lanesMax && lanes.length < tenant.lanes.length; count++) {
        const levels = nextAwake(tenant, now, lanes, admits);
        if (!levels) break;
        lanes.push(levels);
      }
    }
    return chosen;
  }

  #begin(level: Level, now: number): Cursor {
    level.isBusy = true;
    level.isRoused = false;
    level.isLone = false;
    if (level.dueAt <= now) level.dueAt = Infinity;
    level.isFromHead = now >= level.headScanAt ||
      level.isUnsure && now >= dearUntil(level, this.#sleeping.usualMs);
    if (level.isFromHead) return HEAD;
    return level.isUnsure ? level.earlier : level.cursor;
  }

  #arrange(): void {
    const byTenant = Map.groupBy(this.#levels.values(), (level) => level.lane.tenantId);
    this.#tenants = [...byTenant.values()].map((levels) => {
      const lanes = [...Map.groupBy(levels, (level) => level.lane.lane).values()];
      for (const lane of lanes) lane.sort((a, b) => a.lane.priority - b.lane.priority);
      return { lanes, next: 0 };
    });
    this.#hasGated = this.#levels.values().some(({ lane }) => isGated(lane));
    this.#next %= Math.max(1, this.#tenants.length);
    this.#owed.keep(this.#levels.values());
  }

  #rouse(level: Level, isLone = false): void {
    const now = this.clock.monotonic();
    const isAsleep = level.wakeAt > now;
    // A level that slept may have got jobs behind its cursor; one that is being drained has not
    // waited long enough for another scan. One that is next of its key has waited from long before the cursor.
    if (isAsleep || level.lane.isOrdered) level.isUnsure = true;
    if (isAsleep && level.lane.isOrdered) level.headScanAt = Math.min(level.headScanAt, now);
    level.isLone = isAsleep && isLone;
    level.wakeAt = now;
    level.isRoused = true;
  }
}

/** The next lane of a tenant that has something to ask, without those that have been taken. */
function nextAwake(
  tenant: Tenant,
  now: number,
  taken: readonly Level[][],
  admits: Admits,
): Level[] | null {
  for (let n = 0; n < tenant.lanes.length; n++) {
    const lane = tenant.lanes[tenant.next++ % tenant.lanes.length] ?? [];
    const awake = lane.filter((level) => !level.isBusy && level.wakeAt <= now);
    const [first] = awake;
    if (!first || taken.some(([other]) => other === first)) continue;
    if (admits(first.lane)) return awake;
  }
  return null;
}
