/** Waiting for other connections, as they are seen by the database. */
import type postgres from "postgres";
import { eventually } from "./build.ts";

/** The statements of this database that wait for a lock, each by its session and its start; of those that begin so. */
export async function blocked(sql: postgres.Sql, begin = ""): Promise<string[]> {
  const rows = await sql`
    select pid || ' since ' || query_start as statement from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'
       and starts_with(query, ${begin})`;
  return rows.map(({ statement }) => statement);
}

/** Resolves when `count` statements of this database wait for a lock. Bounded. */
export async function untilBlocked(sql: postgres.Sql, count = 1): Promise<void> {
  await eventually(
    "statements wait for a lock",
    async () => (await blocked(sql)).length >= count,
  );
}

/** Holds what a statement locks, until the result is called. */
export async function hold(sql: postgres.Sql, statement: string): Promise<() => Promise<void>> {
  const locked = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const holding = sql.begin(async (own) => {
    await own.unsafe(statement);
    locked.resolve();
    await free.promise;
  });
  await Promise.race([locked.promise, holding]);
  return async () => {
    free.resolve();
    await holding;
  };
}
