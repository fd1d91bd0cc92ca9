/** How a job ended for somebody who waited for it. */
import type { Job } from "../core/job.ts";

/** The job was waited for and has not succeeded (yet). */
export class JobNotDoneError extends Error {
  override readonly name = "JobNotDoneError";
  /** The job as it stood then: `state` says whether it goes on, gave up, or was cancelled. */
  readonly job: Job;

  constructor(job: Job) {
    const why = job.lastError === null ? "" : `: ${job.lastError.message}`;
    super(`Job ${job.id} is ${job.state}${why}`);
    this.job = job;
  }
}

/** The output, by the word of the handler's type: what was stored is what it returned. */
export function outputOf<Output>(job: Job): Output {
  return job.output as Output;
}
