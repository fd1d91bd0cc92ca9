/** What many statements are told in the same way: the names of jobs, and what a worker serves. */
import type { JobName } from "../core/listing.ts";
import { claimable } from "./claiming.ts";
import { column, quoted } from "./literal.ts";
import type { Served } from "./records.ts";

/** Tenants and ids. */
export function namesOf(jobs: readonly JobName[]): [string, string] {
  return [column(jobs, (job) => quoted(job.tenantId)), column(jobs, (job) => job.id)];
}

/** The states that a claim may take, types, queues, partition, lanes of others. */
export function servedParameters({ types, queues, partitionKey, except }: Served) {
  const named = queues === null ? null : column(queues, quoted);
  return [claimable, column(types, quoted), named, partitionKey, column(except, (lane) => lane)];
}
