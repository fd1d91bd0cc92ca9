/** The turn of a relay: what it reads, and whether it is short enough to be one. */
import type { Change, ClaimedJob, Letterbox, Turn } from "../store/store.ts";
import type { Seat } from "./ledger.ts";
import type { Turning } from "./turning.ts";

/** A turn, and what it was made by. */
export interface Made {
  readonly turning: Turning;
  readonly turn: Turn;
}

/** The end of an activity as the mail that it would have been. */
export function letterOf({ claimed, change }: {
  readonly claimed: ClaimedJob;
  readonly change: Change;
}): Letterbox {
  const { activity: childId, gen } = Object(claimed.payload);
  const body = { childId, gen, jobId: claimed.id, output: JSON.parse(change.output ?? "null") };
  return { id: claimed.id, kind: "done", deferred: false, gen: null, sender: null, body };
}

/** It has read the end, and causes nothing but the next activity. */
export function isPlain(turn: Turn, mailId: string, seat: Seat): boolean {
  const nothing = [turn.sent, turn.forget, turn.children, turn.left, turn.keys, turn.putOff];
  return turn.read.includes(mailId) && nothing.every((list) => list.length === 0) &&
    !turn.offers && turn.fault === null && turn.machine === null && turn.steps.length === 1 &&
    turn.jobs.length <= 1 && turn.jobs.length === turn.activities.length &&
    turn.jobs.every((job) => job.backoff === null) &&
    turn.machineVersion === seat.machineVersion && turn.machineHash === seat.machineHash;
}
