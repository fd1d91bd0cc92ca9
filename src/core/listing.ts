/** What lists are asked for, and what they hold beside jobs. */
import type { Job } from "./job.ts";

/** The name of a job. */
export type JobName = Pick<Job, "tenantId" | "id">;

/** A tenant: it exists from its first job. */
export interface Tenant {
  readonly id: string;
  readonly createdAt: string;
}
