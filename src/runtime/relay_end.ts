/** An activity that has succeeded, on its way to its actor; and the handler that may wait for what follows. */
import type { Change, ClaimedJob } from "../store/store.ts";
import type { Outcome } from "./committer.ts";
import { changeOf } from "./endings.ts";
import type { HandOff } from "./handoff.ts";

/** The worker whose handlers run the activities. */
export interface RelayWorker {
  readonly handOff: HandOff;
  /** The end is committed. `mailed`: as mail. */
  readonly onSettled: (claimed: ClaimedJob, change: Change, isMailed: boolean) => void;
  /** The end is to be committed the ordinary way. */
  readonly onOrdinary: (outcome: Outcome) => void;
}

/** An activity that has succeeded, and the machine's decision about its job. */
export interface Ended {
  readonly outcome: Outcome;
  readonly claimed: ClaimedJob;
  readonly change: Change;
  /** Its handler is kept for what follows. */
  isKept: boolean;
}

/** @param now Milliseconds since the epoch. */
export function endedOf(outcome: Outcome, now: number, isKept: boolean): Ended {
  const { claimed, ending } = outcome;
  const change = changeOf(claimed, ending, { ...outcome, at: new Date(now) });
  return { outcome, claimed, change, isKept };
}

/** Its handler is kept no longer. */
export function free(ended: Ended, { handOff }: RelayWorker): void {
  if (!ended.isKept) return;
  ended.isKept = false;
  handOff.unkeep(1);
}

/** It is committed the ordinary way. */
export function goOrdinary(ended: Ended, worker: RelayWorker): void {
  free(ended, worker);
  worker.onOrdinary(ended.outcome);
}
