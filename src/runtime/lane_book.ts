/**
 * Which lanes a process looks at, and from where.
 *
 * A cursor is the last claimed key of a lane: starting there, a claim does not walk the dead index
 * entries that a long transaction elsewhere keeps alive. It is a hint of this process alone; a scan
 * from the head, repeated after 20 times its own duration, finds what arrived behind it (late
 * commits, handed-back jobs). An exhausted lane sleeps until a hint or the next poll.
 */
import { type Clock, jittered, type Random } from "../core/clock.ts";
import type { ClaimedJob, Cursor, Lane, LaneRequest } from "../store/store.ts";

/** Before every key there is. */
export const HEAD: Cursor = { runAt: "-infinity", id: "00000000-0000-0000-0000-000000000000" };

const HEAD_SCAN_SHARE = 20;
const HEAD_SCAN_MIN_MS = 20;

interface Entry {
  readonly lane: Lane;
  cursor: Cursor;
  headScanAt: number;
  wakeAt: number;
  isBusy: boolean;
  isFromHead: boolean;
  /** A hint came while a claim was under way: its answer may be older than the hint. */
  isRoused: boolean;
}

/** Lanes chosen for one claim; give it back to `settle` or `release`. */
export interface Selection {
  readonly requests: readonly LaneRequest[];
  readonly entries: readonly Entry[];
}

/** The lanes of one process. */
export class LaneBook {
  readonly #entries = new Map<string, Entry>();
  #order: Entry[] = [];
  #next = 0;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly pollMs: number,
  ) {}

  /** Takes over a fresh list; known lanes keep their cursors, vanished ones are forgotten. */
  refresh(lanes: readonly Lane[]): void {
    const seen = new Set<string>();
    for (const lane of lanes) seen.add(this.#learn(lane));
    for (const [key, entry] of this.#entries) {
      if (!seen.has(key) && !entry.isBusy) this.#entries.delete(key);
    }
    this.#order = [...this.#entries.values()];
  }

  /** Jobs have arrived here: look at once, from the head. */
  wake(lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      const entry = this.#entries.get(this.#learn(lane));
      if (entry) this.#rouse(entry);
    }
    if (this.#order.length !== this.#entries.size) this.#order = [...this.#entries.values()];
  }

  /** A job of this lane comes due in `delayMs`: do not sleep longer. */
  expect(lane: { tenantId: string; lane: string; priority: number }, delayMs: number): void {
    const entry = this.#entries.get(keyOf(lane));
    if (entry) entry.wakeAt = Math.min(entry.wakeAt, this.clock.monotonic() + delayMs);
  }

  /** Something may have arrived anywhere. */
  wakeAll(): void {
    for (const entry of this.#order) this.#rouse(entry);
  }

  /** Up to `lanesMax` waking lanes, in turn, that share `limit`; null when all sleep. */
  select(limit: number, lanesMax: number): Selection | null {
    const now = this.clock.monotonic();
    const entries: Entry[] = [];
    for (let n = 0; n < this.#order.length && entries.length < lanesMax; n++) {
      const entry = this.#order[this.#next++ % this.#order.length];
      if (entry && !entry.isBusy && entry.wakeAt <= now) entries.push(entry);
    }
    if (entries.length === 0) return null;
    // Lower numbers first, also across the lanes of one claim.
    entries.sort((a, b) => a.lane.priority - b.lane.priority);
    const quantum = Math.ceil(limit / entries.length);
    const requests = entries.map((entry) => {
      entry.isBusy = true;
      entry.isRoused = false;
      entry.isFromHead = now >= entry.headScanAt;
      return { lane: entry.lane, quantum, from: entry.isFromHead ? HEAD : entry.cursor };
    });
    return { requests, entries };
  }

  /** Moves the cursors, and puts exhausted lanes to sleep. */
  settle(selection: Selection, jobs: readonly ClaimedJob[], limit: number, tookMs: number): void {
    const now = this.clock.monotonic();
    const got = new Map<Entry, number>();
    for (const job of jobs) {
      const entry = this.#entries.get(keyOf(job));
      if (!entry) continue;
      got.set(entry, (got.get(entry) ?? 0) + 1);
      if (isAfter(job, entry.cursor)) entry.cursor = { runAt: job.runAt, id: job.id };
    }
    selection.entries.forEach((entry, index) => {
      entry.isBusy = false;
      if (entry.isFromHead) {
        const pauseMs = Math.max(HEAD_SCAN_MIN_MS, HEAD_SCAN_SHARE * tookMs);
        entry.headScanAt = now + jittered(pauseMs, this.random);
      }
      const isShort = (got.get(entry) ?? 0) < (selection.requests[index]?.quantum ?? 0);
      // A claim that reached its limit may not have come to this lane at all.
      if (isShort && jobs.length < limit && !entry.isRoused) {
        entry.wakeAt = now + jittered(this.pollMs, this.random);
      }
    });
  }

  /** The claim failed: as if it had not been tried. */
  release(selection: Selection): void {
    for (const entry of selection.entries) entry.isBusy = false;
  }

  /** Monotonic instant at which the next lane wakes; Infinity without lanes. */
  nextWakeAt(): number {
    return this.#order.reduce((next, entry) => Math.min(next, entry.wakeAt), Infinity);
  }

  #learn(lane: Lane): string {
    const key = keyOf(lane);
    if (!this.#entries.has(key)) {
      this.#entries.set(key, {
        lane,
        cursor: HEAD,
        headScanAt: 0,
        wakeAt: 0,
        isBusy: false,
        isFromHead: false,
        isRoused: false,
      });
    }
    return key;
  }

  #rouse(entry: Entry): void {
    const now = this.clock.monotonic();
    // A lane that slept may have got jobs behind its cursor; one that is being drained has not
    // waited long enough for another scan.
    if (entry.wakeAt > now) entry.headScanAt = Math.min(entry.headScanAt, now);
    entry.wakeAt = now;
    entry.isRoused = true;
  }
}

function keyOf(lane: { tenantId: string; lane: string; priority: number }): string {
  return `${lane.lane} ${lane.priority} ${lane.tenantId}`;
}

/** Instants come as text of one format and zone, so they compare as text. */
function isAfter(job: ClaimedJob, cursor: Cursor): boolean {
  if (cursor.runAt === HEAD.runAt) return true;
  return job.runAt > cursor.runAt || (job.runAt === cursor.runAt && job.id > cursor.id);
}
