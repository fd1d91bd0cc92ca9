/**
 * What the hardware gives today: single-row commits, as pgbench would do them.
 *
 * Taken first and last. When the two differ much, something else was using the machine.
 */
import postgres from "postgres";
import type { Server } from "./postgres.ts";

/** Commits per second, one row each, with one and with 32 clients. */
export interface Baseline {
  readonly commits1: number;
  readonly commits32: number;
}

const DATABASE = "bench_baseline";
/** Beyond this the run is called disturbed. */
const DRIFT_MAX = 0.3;

/** Measures it, for twice `ms`. */
export async function measureBaseline(server: Server, ms: number): Promise<Baseline> {
  await server.drop(DATABASE);
  await server.create(DATABASE);
  const sql = postgres(server.urlOf(DATABASE), { max: 32, onnotice: () => {} });
  try {
    await sql`create table line (id bigint generated always as identity, payload jsonb)`;
    const commits1 = await commitsPerSecond(sql, 1, ms);
    return { commits1, commits32: await commitsPerSecond(sql, 32, ms) };
  } finally {
    await sql.end({ timeout: 1 });
    await server.drop(DATABASE);
  }
}

async function commitsPerSecond(sql: postgres.Sql, clients: number, ms: number): Promise<number> {
  const insert = () => sql`insert into line (payload) values ('{"orderId": 12345}')`;
  await Promise.all(Array.from({ length: clients }, insert));
  const begun = performance.now();
  let commits = 0;
  const client = async () => {
    while (performance.now() - begun < ms) {
      await insert();
      commits++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return Math.round(commits / (performance.now() - begun) * 1000);
}

/** Whether the machine was not the same at both ends. */
export function isDisturbed(first: Baseline, last: Baseline): boolean {
  const drift = (a: number, b: number) => Math.max(a, b) / Math.max(1, Math.min(a, b)) - 1;
  return drift(first.commits1, last.commits1) > DRIFT_MAX ||
    drift(first.commits32, last.commits32) > DRIFT_MAX;
}
