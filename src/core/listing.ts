/** What lists are asked for, and what they hold beside jobs. */
import type { JobState } from "../../machines/job.ts";
import type { Job } from "./job.ts";

/** The name of a job. */
export type JobName = Pick<Job, "tenantId" | "id">;

/** A tenant: it exists from its first job. */
export interface Tenant {
  readonly id: string;
  readonly createdAt: string;
}

/** Which failed jobs: dead letters by their end, live ones by their last error; null: all. */
export interface FailedFilter {
  readonly tenantId: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly ids: readonly string[] | null;
  readonly type: string | null;
  /** Text in the last error. */
  readonly error: string | null;
  readonly liveStates: readonly JobState[];
}

/** How many failed jobs there are, and the database's time when they were counted. */
export interface FailedMatch {
  readonly matched: number;
  readonly at: string;
}
