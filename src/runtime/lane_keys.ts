/** Lanes and their levels by name, and the order of the jobs in them. */
import type { ClaimedJob, Cursor } from "../store/store.ts";

/** Before every key there is. */
export const HEAD: Cursor = { runAt: "-infinity", id: "00000000-0000-0000-0000-000000000000" };

/** Neighbours that share a level: a claim brings few of them, and long ones. */
export function runsOfALevel(jobs: readonly ClaimedJob[]): [ClaimedJob, ...ClaimedJob[]][] {
  const runs: [ClaimedJob, ...ClaimedJob[]][] = [];
  for (const job of jobs) {
    const run = runs.at(-1);
    const [first] = run ?? [];
    const isSame = first?.lane === job.lane && first.priority === job.priority &&
      first.tenantId === job.tenantId;
    if (run && isSame) run.push(job);
    else runs.push([job]);
  }
  return runs;
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
