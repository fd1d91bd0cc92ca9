/** Waiting for other connections, as they are seen by the database. */
import type postgres from "postgres";
import { eventually } from "./build.ts";

/** Resolves when `count` statements of this database wait for a lock. Bounded. */
export async function untilBlocked(sql: postgres.Sql, count = 1): Promise<void> {
  await eventually("statements wait for a lock", async () => {
    const [row] = await sql`
      select count(*)::int as n from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`;
    return row?.n >= count;
  });
}
