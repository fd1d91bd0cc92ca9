/** Whether work goes on: leases, workers, what is stuck, what is put aside, where rows go. */
import { stateCode } from "../../core/codes.ts";
import { operations } from "../../runtime/own_machines.ts";
import { type Check, problem, warning } from "./finding.ts";

const BACKLOG_S = 300;

/** About jobs and actors. */
export const workChecks: readonly Check[] = [
  {
    name: "leases",
    well: "No lease is over and left",
    look: async ({ sql, settings }) => {
      const [row] = await sql`
        select count(*)::int as n, min(expires_at)::text as since from perdura.lease
         where expires_at < now() - ${10 * settings.SWEEP_MS} * interval '1 millisecond'`;
      if (row?.n === 0) return [];
      return [problem(
        `${row?.n} leases are over since ${row?.since}, and nobody sweeps`,
        "Start a worker, or run `perdura sweep`.",
      )];
    },
  },
  {
    name: "stuck jobs",
    well: "Every running job has its lease",
    look: async ({ sql }) => {
      const running = stateCode("running");
      const rows = await sql`
        select j.tenant_id as tenant, j.id from perdura.job j
         where j.state = ${running} and not exists (select from perdura.lease l where l.id = j.lease_id)
         limit 100`;
      const [first] = rows;
      if (!first) return [];
      const count = rows.length === 100 ? "100 or more" : rows.length;
      return [problem(
        `${count} running jobs have no lease, ${first.id} of tenant "${first.tenant}" among them: ` +
          "nobody will end them",
        "A row of perdura.lease is missing. Insert one that is over, with its tenant and id, and sweep: " +
          "docs/operations.md has the statement.",
      )];
    },
  },
  {
    name: "backlog",
    well: "What is due is being taken",
    look: async ({ sql }) => {
      const waiting = [stateCode("pending"), stateCode("scheduled"), stateCode("retry")];
      const [row] = await sql`
        select count(*)::int as n, extract(epoch from now() - min(run_at))::int as age
          from (select run_at from perdura.job
                 where state = any(${`{${waiting}}`}::smallint[])
                   and run_at < now() - ${BACKLOG_S} * interval '1 second' limit 10000) j`;
      if (row?.n === 0) return [];
      const [workers] = await sql`
        select count(*)::int as n from pg_stat_activity
         where datname = current_database() and application_name like 'perdura worker%'`;
      const count = row?.n === 10_000 ? "10,000 or more" : row?.n;
      const message =
        `${count} jobs are due for more than five minutes, one of them for ${row?.age} s`;
      return workers?.n === 0
        ? [problem(`${message}, and no worker is connected`, "Start a worker: `perdura worker`.")]
        : [
          warning(
            message,
            "GET /jobs/{id}/explain says what one waits for; add workers if nothing.",
          ),
        ];
    },
  },
  {
    name: "quarantine",
    well: "No job is in quarantine",
    look: async ({ sql }) => {
      const [row] =
        await sql`select count(*)::int as n, min(reason) as reason from perdura.quarantine`;
      if (row?.n === 0) return [];
      return [problem(
        `${row?.n} jobs cannot be moved: ${row?.reason}`,
        "select * from perdura.quarantine; mend the cause, and the next sweeps move them.",
      )];
    },
  },
  {
    name: "actors",
    well: "No actor is blocked or stalled",
    look: async ({ sql }) => {
      const rows = await sql`
        select machine, status, count(*)::int as n from perdura.actor
         where status in ('blocked', 'stalled') group by machine, status order by n desc limit 20`;
      return rows.map(({ machine, status, n }) =>
        warning(
          `${n} actors of "${machine}" are ${status}`,
          remedyOf(machine, status),
        )
      );
    },
  },
  {
    name: "partitions",
    well: "Rows of the days ahead have a partition",
    look: async ({ sql }) => {
      const found = [];
      for (const parent of ["job_archive", "job_data", "step", "transition", "actor_step"]) {
        const [row] = await sql`
          select to_regclass('perdura.' || ${parent}::text
                 || to_char((now() at time zone 'utc')::date + 1, '_YYYYMMDD')) is null as missing`;
        if (row?.missing) {
          found.push(warning(
            `${parent} has no partition for tomorrow`,
            "Sweeps make them: start a worker, or run `perdura migrate`.",
          ));
        }
      }
      return found;
    },
  },
];

function remedyOf(machine: string, status: string): string {
  if (status === "blocked") {
    return "Their version is in no running program: run `perdura machines check`, start one that has it.";
  }
  return machine === operations.name
    ? "GET /operations/{id} says why; then POST /operations/{id}/resume."
    : "GET /actors/{id} says why; mend the machine, then POST /actors/{id}/resume.";
}
