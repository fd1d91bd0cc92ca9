/** Many schedules that are due in the same second. */
import { migrate } from "perdura";
import type { Server } from "../place/postgres.ts";
import { start } from "./program.ts";

/** How long after that second all runs were there. */
export interface Firing {
  readonly seconds: number;
  readonly runs: number;
  readonly twice: number;
}

const AHEAD = "4 seconds";

/** Makes them, and lets two workers fire them. */
export async function measureFiring(
  server: Server,
  count: number,
  overlap: "allow" | "skip",
): Promise<Firing> {
  const database = `firing_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  try {
    await migrate({ url, debug: true });
    await server.run(database, schedulesOf(count, overlap));
    await server.vacuum(database);
    await using _one = await start("worker", url);
    await using _two = await start("worker", url);
    await using sql = server.connect(database);
    const [due] = await sql.unsafe(
      `update perdura.schedule set fire_at = s.at, due_at = s.at
         from (select date_trunc('second', now() + interval '${AHEAD}') as at) s
       returning extract(epoch from fire_at)::float8 * 1000 as ms`,
    );
    while (true) {
      const [now] = await sql`
        select count(*)::int as runs, extract(epoch from clock_timestamp())::float8 * 1000 as ms
          from perdura.schedule_run where job_id is not null`;
      if (now?.runs >= count) {
        const [twice] = await sql`
          select count(*)::int as n from (
            select from (select metadata from perdura.job union all
                         select metadata from perdura.job_archive) j
             group by metadata ->> 'scheduleId', metadata ->> 'scheduledFor' having count(*) > 1) t`;
        return { seconds: (now?.ms - due?.ms) / 1000, runs: now?.runs, twice: twice?.n };
      }
      await new Promise((next) => setTimeout(next, 50));
    }
  } finally {
    await server.drop(database);
  }
}

/** Rows as PUT makes them. */
function schedulesOf(count: number, overlap: string): string {
  const definition = {
    ...{ cron: "0 0 3 1 1 *", timeZone: "UTC", type: "debug.noop", payload: {}, missed: "latest" },
    ...{ maxLatenessMs: null, maxCatchUp: 100, overlap, jitterMs: 0, paused: false },
  };
  return `insert into perdura.schedule (
      tenant_id, id, version, definition, type, fire_at, due_at, anchor_at)
    select 'default', 'every-' || n, 1, '${JSON.stringify(definition)}', 'debug.noop',
           now() + interval '1 day', now() + interval '1 day', now()
      from generate_series(1, ${count}) n`;
}
