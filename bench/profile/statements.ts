/** What each statement costs, by pg_stat_statements. */
import type { Server } from "../place/postgres.ts";

/** One of our statements, summed over its calls in an interval. */
export interface StatementCost {
  readonly name: string;
  readonly calls: number;
  readonly rows: number;
  readonly execMs: number;
  readonly planMs: number;
  readonly walBytes: number;
  readonly walImages: number;
}

const QUERIES = new URL("../../sql/queries/", import.meta.url);

/** Recognises our statements by their first words. */
export async function statementNames(): Promise<
  (query: string) => string | null
> {
  const known: { name: string; start: string }[] = [];
  for await (const { name } of Deno.readDir(QUERIES)) {
    const text = await Deno.readTextFile(new URL(name, QUERIES));
    known.push({
      name: name.replace(".sql", ""),
      start: squeeze(text).slice(0, 300),
    });
  }
  return (query) => known.find(({ start }) => squeeze(query).startsWith(start))?.name ?? null;
}

/** Comments, spaces and constants differ between a file and what the server reports. */
function squeeze(query: string): string {
  return query.replace(/--.*$/gm, "").replace(/'[^']*'|\$\d+|\b\d+\b/g, "?")
    .replace(/\s+/g, " ").trim();
}

/** Costs since the last reset, dearest first. */
export async function statementCosts(
  server: Server,
  database: string,
  nameOf: (query: string) => string | null,
): Promise<StatementCost[]> {
  const rows = await server.run(
    database,
    `select query, calls::float8, rows::float8, total_exec_time as exec, total_plan_time as plan,
            wal_bytes::float8 as wal, wal_fpi::float8 as images
       from pg_stat_statements
      where dbid = (select oid from pg_database where datname = current_database())
      order by total_exec_time + total_plan_time desc limit 20`,
  );
  return rows.map((row) => ({
    name: nameOf(row.query) ?? squeeze(row.query).slice(0, 50),
    calls: row.calls,
    rows: row.rows,
    execMs: row.exec,
    planMs: row.plan,
    walBytes: row.wal,
    walImages: row.images,
  }));
}
