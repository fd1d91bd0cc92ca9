/** Lanes and their levels by name, and the order of the jobs in them. */
import type { ClaimedJob, Cursor } from "../store/store.ts";

/** Before every key there is. */
export const HEAD: Cursor = { runAt: "-infinity", id: "00000000-0000-0000-0000-000000000000" };

/** Neighbours of a claim that share a level. */
export interface Run {
  readonly first: ClaimedJob;
  /** The one with the greatest key. */
  last: ClaimedJob;
  count: number;
}

/** A claim brings few of them, and long ones. */
export function runsOfALevel(jobs: readonly ClaimedJob[]): Run[] {
  const runs: Run[] = [];
  let run: Run | null = null;
  for (const job of jobs) {
    if (run && isSameLevel(run.first, job)) {
      run.count++;
      if (isAfter(job, run.last)) run.last = job;
    } else {
      run = { first: job, last: job, count: 1 };
      runs.push(run);
    }
  }
  return runs;
}

function isSameLevel(a: ClaimedJob, b: ClaimedJob): boolean {
  return a.lane === b.lane && a.priority === b.priority && a.tenantId === b.tenantId;
}

/** Names a lane among others. */
export function laneKeyOf(lane: { tenantId: string; lane: string }): string {
  return `${lane.lane} ${lane.tenantId}`;
}

/** Names a level among others. */
export function levelKey(lane: { tenantId: string; lane: string; priority: number }): string {
  return `${lane.priority} ${laneKeyOf(lane)}`;
}

/** Instants come as text of one format and zone, so they compare as text. */
export function isAfter(job: Cursor, cursor: Cursor): boolean {
  if (cursor.runAt === HEAD.runAt) return true;
  return job.runAt > cursor.runAt || (job.runAt === cursor.runAt && job.id > cursor.id);
}
