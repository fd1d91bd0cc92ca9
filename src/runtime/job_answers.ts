/** What clients are told of the jobs that they make and change. */
import type { Job } from "../core/job.ts";
import type { When } from "../../machines/job.ts";
import type { Added } from "./uniques.ts";

/** A stored job, or the one that has its key. */
export interface Created extends Omit<Added, "id"> {
  readonly job: Job;
}

/** The answer to an event. `isPending`: a running handler has been asked to stop, and has not yet. */
export interface Sent {
  readonly job: Job;
  readonly isPending: boolean;
}

/** What an event would be answered with, and when the job would be due (null: as before). */
export interface Foreseen extends Sent {
  readonly due: When | null;
}
