/** Rows of members, as records. */
import type { JobError } from "../core/failure.ts";
import type { Row } from "./database.ts";
import type { FailedMember } from "./member_records.ts";
import { shape } from "./rows.ts";

/** member_failures.sql */
export function toFailedMember(row: Row): FailedMember {
  const { i, label, error, at } = shape<
    { i: string; label: string | null; error: string | null; at: Date }
  >(row);
  const parsed: JobError | null = error === null ? null : JSON.parse(error);
  return { jobId: i, label, error: parsed, at: at.toISOString() };
}
