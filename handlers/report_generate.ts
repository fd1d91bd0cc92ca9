/**
 * `report.generate`: how the jobs of a tenant have done lately, as a CSV file.
 *
 * It reads and ends in the job's own transaction: the report and the success are of one moment. The
 * file is named after the job, so that a second attempt replaces the first.
 */
import { join } from "node:path";
import { z } from "zod";
import { defineHandler, type Handler } from "perdura/handler";
import { writeWhole } from "./files.ts";

/** Where reports go. */
export interface ReportOptions {
  readonly reportsDir: string;
}

const input = z.strictObject({
  /** For people; letters, digits, `-` and `_`. */
  reportId: z.string().regex(/^[\w-]{1,100}$/, "Use letters, digits, - and _"),
  /** How far back, by the time a job was made. */
  hours: z.int().min(1).max(168).default(24),
});

const COLUMNS = ["type", "queue", "state", "jobs", "attempts", "crashes", "wait_ms", "run_ms"];

/** The handler, for one place to write to. */
export function reportGenerate({ reportsDir }: ReportOptions): Handler {
  return defineHandler({
    type: "report.generate",
    input,
    timeoutMs: 60_000,
    handle: ({ reportId, hours }, { job, transaction }) =>
      transaction(async (sql) => {
        // Ids begin with their time: a bound on them leaves all older partitions alone.
        const rows = await sql`
          with since as (
            select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - ${hours} * 3600000::bigint),
                         12, '0') || '00000000000000000000')::uuid as id),
          jobs as (
            select j.type, j.queue, j.state, j.attempt, j.crashes, j.created_at, j.started_at,
                   null::timestamptz as finished_at
              from perdura.job j, since where j.tenant_id = ${job.tenantId} and j.id >= since.id
            union all
            select a.type, a.queue, a.state, a.attempt, a.crashes, a.created_at, a.started_at,
                   a.finished_at
              from perdura.job_archive a, since
             where a.tenant_id = ${job.tenantId} and a.id >= since.id
            union all
            select d.type, d.queue, d.state, d.attempt, d.crashes, d.created_at, d.started_at,
                   d.finished_at
              from perdura.dead_letter d, since
             where d.tenant_id = ${job.tenantId} and d.id >= since.id)
          select jobs.type, jobs.queue, s.name as state, count(*)::int as jobs,
                 sum(attempt)::int as attempts, sum(crashes)::int as crashes,
                 round(avg(extract(epoch from started_at - jobs.created_at) * 1000))::int as wait_ms,
                 round(avg(extract(epoch from finished_at - started_at) * 1000))::int as run_ms
            from jobs join perdura.state_name s on s.code = jobs.state
           group by 1, 2, 3 order by 1, 2, 3`;
        const file = join(reportsDir, `${reportId}-${job.id}.csv`);
        await writeWhole(file, csvOf(rows));
        return { reportId, file, rows: rows.length };
      }),
  });
}

function csvOf(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const lines = rows.map((row) => COLUMNS.map((column) => cellOf(row[column])).join(","));
  return [COLUMNS.join(","), ...lines, ""].join("\r\n");
}

/** RFC 4180; a leading sign would be a formula to a spreadsheet. */
function cellOf(value: unknown): string {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
