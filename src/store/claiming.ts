/** Claims of plain lanes, as one statement each: of one level, which most are, or of many; of one job, or of more. */
import { stateCode } from "../core/codes.ts";
import { statesAccepting, targetOf } from "../core/lifecycle.ts";
import { GRACE_MS } from "../core/limits.ts";
import * as sql from "../../sql/mod.ts";
import { toClaimed } from "./claimed.ts";
import type { Database, Parameter, Statement } from "./database.ts";
import { column, quoted } from "./literal.ts";
import type { ClaimedJob, ClaimRequest } from "./records.ts";

/** States that a job is claimed from, as an array literal. */
export const claimable = `{${statesAccepting("CLAIM").map(stateCode).join(",")}}`;
/** The state of a claimed job. */
const claimed = stateCode(targetOf("CLAIM"));

/** `WorkStore.claim`. */
export async function claimJobs(db: Database, request: ClaimRequest): Promise<ClaimedJob[]> {
  const { text, parameters } = claimStatement(request);
  return toClaimed(await db.query(text, parameters), request.leaseId);
}

/** The statement that claims them. */
export function claimStatement(request: ClaimRequest): Statement {
  const levels = levelsOf(request);
  const [first] = levels;
  const isLone = request.lanes[0]?.isLone === true;
  const gateChange = request.gateChange ?? null;
  if (first && levels.length === 1 && !request.alone) {
    const { lane, from } = first;
    const limit = Math.min(request.limit, first.quantum);
    const level = [lane.tenantId, lane.lane, lane.priority, from.runAt, from.id];
    return {
      text: limit === 1 || isLone ? sql.claimNext : sql.claimLevel,
      parameters: [...leaseParameters(request), limit, ...level, gateChange],
    };
  }
  return { text: sql.claim, parameters: [...claimParameters(request, levels), gateChange] };
}

/** The levels of all lanes, each with the number of its lane. */
export function levelsOf({ lanes }: ClaimRequest) {
  return lanes.flatMap(({ quantum, levels }, k) =>
    levels.map((level) => ({ ...level, quantum, k }))
  );
}

/** $1 to $15 of claim.sql and of claim_limited.sql. */
export function claimParameters(
  request: ClaimRequest,
  levels: ReturnType<typeof levelsOf>,
): Parameter[] {
  return [
    ...leaseParameters(request),
    request.limit,
    request.alone,
    column(levels, (level) => level.k),
    column(levels, (level) => level.quantum),
    column(levels, (level) => quoted(level.lane.tenantId)),
    column(levels, (level) => level.lane.lane),
    column(levels, (level) => level.lane.priority),
    column(levels, (level) => quoted(level.from.runAt)),
    column(levels, (level) => level.from.id),
  ];
}

function leaseParameters({ leaseId, worker, leaseMs }: ClaimRequest): Parameter[] {
  return [leaseId, worker, leaseMs, GRACE_MS, claimable, claimed];
}
