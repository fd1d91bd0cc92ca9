/** What the API answers with, as far as the pages read it. */
import type { Job } from "../../core/job.ts";

/** A job: the API leaves out who holds its lease, and says what it accepts. */
export type JobResource = Omit<Job, "leaseId" | "metadata"> & {
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly accepts: readonly string[];
};

/** One group of the counts of a tenant. */
export interface Count {
  readonly queue: string;
  readonly state: string;
  readonly count: number;
}

/** One line of a list of actors. */
export interface ActorLine {
  readonly id: string;
  readonly tenantId: string;
  readonly machine: string;
  readonly machineVersion: string;
  readonly status: string;
  readonly state: string;
  readonly tags: readonly string[];
  readonly version: number;
  readonly parentId: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** A machine in the list of them. */
export interface MachineLine {
  readonly id: string;
  readonly hash: string;
  readonly version: string | null;
  readonly states: number;
}
