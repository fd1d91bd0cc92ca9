/** The claim of plain lanes as one statement. */
import { stateCode } from "../core/codes.ts";
import { statesAccepting, targetOf } from "../core/lifecycle.ts";
import { GRACE_MS } from "../core/limits.ts";
import * as sql from "../../sql/mod.ts";
import { toClaimed } from "./claimed.ts";
import type { Database } from "./database.ts";
import { column, quoted } from "./literal.ts";
import type { ClaimedJob, ClaimRequest } from "./records.ts";

/** States that a job is claimed from, as an array literal. */
export const claimable = `{${statesAccepting("CLAIM").map(stateCode).join(",")}}`;
/** The state of a claimed job. */
export const claimed = stateCode(targetOf("CLAIM"));

/** `WorkStore.claim`. */
export async function claimJobs(db: Database, request: ClaimRequest): Promise<ClaimedJob[]> {
  const levels = request.lanes.flatMap(({ quantum, levels }, k) =>
    levels.map((level) => ({ ...level, quantum, k }))
  );
  const rows = await db.query(sql.claim, [
    request.leaseId,
    request.worker,
    request.leaseMs,
    GRACE_MS,
    claimable,
    claimed,
    request.limit,
    request.alone,
    column(levels, (level) => level.k),
    column(levels, (level) => level.quantum),
    column(levels, (level) => quoted(level.lane.tenantId)),
    column(levels, (level) => level.lane.lane),
    column(levels, (level) => level.lane.priority),
    column(levels, (level) => quoted(level.from.runAt)),
    column(levels, (level) => level.from.id),
    request.gateChange ?? null,
  ]);
  return toClaimed(rows, request.leaseId);
}
