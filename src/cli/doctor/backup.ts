/** `backup-check`: whether a restored copy is one that work could go on from. */
import type postgres from "postgres";
import { stateCode } from "../../core/codes.ts";
import { type Check, problem, warning } from "./finding.ts";

/** Between the newest step of the live database and that of the copy: more than a day is no backup. */
const GAP_WARNING_S = 3_600;
const GAP_PROBLEM_S = 86_400;

/** What a copy is asked, beside what every database is. */
export const backupChecks: readonly Check[] = [
  {
    name: "counters",
    well: "Counters agree with the jobs",
    look: async ({ sql }) => {
      // Live states alone: what has ended may have been put away since.
      const live = ["pending", "scheduled", "running", "retry"] as const;
      const codes = live.map(stateCode);
      const rows = await sql`
        with counted as (
          select state, sum(n)::bigint as n from (
            select state, n from perdura.counter union all
            select to_state, n from perdura.counter_delta where to_state is not null union all
            select from_state, -n from perdura.counter_delta where from_state is not null) c
           where state = any(${`{${codes}}`}::smallint[]) group by state),
        there as (select state, count(*) as n from perdura.job group by state)
        select n.name, coalesce(c.n, 0)::int as counted, coalesce(t.n, 0)::int as there
          from perdura.state_name n left join counted c on c.state = n.code
          left join there t on t.state = n.code
         where n.code = any(${`{${codes}}`}::smallint[])
           and coalesce(c.n, 0) <> coalesce(t.n, 0)`;
      return rows.map(({ name, counted, there }) =>
        problem(
          `${counted} ${name} jobs are counted, ${there} are there`,
          "The copy is not of one moment: restore from pg_dump, pg_basebackup with WAL, or a snapshot.",
        )
      );
    },
  },
  {
    name: "payloads",
    well: "Every live job has what it was sent with",
    look: async ({ sql }) => {
      const rows = await sql`
        select j.id from perdura.job j
         where j.has_data and not exists (
           select from perdura.job_data d where d.tenant_id = j.tenant_id and d.id = j.id)
         limit 100`;
      if (rows.length === 0) return [];
      return [problem(
        `${rows.length === 100 ? "100 or more" : rows.length} jobs lack their data, ${
          rows[0]?.id
        } first`,
        "The copy misses rows of perdura.job_data: restore all tables of the schema together.",
      )];
    },
  },
];

/** How far the copy is behind. */
export async function lookAtGap(live: postgres.Sql, copy: postgres.Sql) {
  const newest = async (sql: postgres.Sql) => {
    const [row] = await sql`
      select extract(epoch from greatest((select max(created_at) from perdura.job_archive),
                                         (select max(at) from perdura.transition)))::float8 as s`;
    return row?.s === null ? null : Number(row?.s);
  };
  const [there, here] = [await newest(live), await newest(copy)];
  if (there === null) return [];
  if (here === null) return [problem("The copy has no history at all", "Restore another backup.")];
  const gap = Math.round(there - here);
  if (gap < GAP_WARNING_S) return [];
  const remedy = "Back up more often, or keep the WAL (archive_command, a standby).";
  return [
    (gap < GAP_PROBLEM_S ? warning : problem)(`The copy ends ${gap} s before the live one`, remedy),
  ];
}
