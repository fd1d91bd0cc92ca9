/** The audit as records: what operators did, to what, and why. */
import type { Json } from "./json.ts";

/** What is recorded of one action. */
export interface AuditEntry {
  /** Whose thing it was; null: of no tenant. */
  readonly tenantId: string | null;
  /** `key <id>`, `jwt <sub>`, `cli <user>`, or `anonymous`. */
  readonly who: string;
  /** `<what>.<verb>`: `job.cancel`, `queue.pause`. */
  readonly action: string;
  /** The path of what was acted on: `jobs/<id>`, `queues/default`. */
  readonly subject: string;
  /** In the operator's own words. */
  readonly reason?: string | null;
  /** Of the subject, when it was acted on. */
  readonly version?: number | null;
  /** What was asked for: never a payload. */
  readonly detail?: Json;
}

/** A recorded action. */
export interface AuditRecord extends Required<AuditEntry> {
  readonly id: string;
  /** By the clock of the database. */
  readonly at: string;
}

/** Which records to list; null: any. Times are RFC 3339, `until` exclusive. */
export interface AuditFilter {
  readonly tenantId: string | null;
  readonly who: string | null;
  /** One that ends in a dot takes all that begin so. */
  readonly action: string | null;
  readonly subject: string | null;
  readonly from: string | null;
  readonly until: string | null;
}
