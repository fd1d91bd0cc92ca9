/** Waiting for other connections, as they are seen by the database. */
import type postgres from "postgres";

/** Resolves when `count` statements of this database wait for a lock. Bounded. */
export async function untilBlocked(sql: postgres.Sql, count = 1): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const [row] = await sql`
      select count(*)::int as n from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`;
    if (row?.n >= count) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error("No statement is waiting for a lock");
}
