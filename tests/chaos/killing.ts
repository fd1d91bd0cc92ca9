// deno-lint-ignore-file no-console -- with --long, where each kill has hit
/**
 * Workers killed in the middle of their work: a row that the work will want is written here first, and
 * not committed. The worker comes to it and waits, is looked at, and dies by kill -9.
 */
import { assert, assertEquals } from "@std/assert";
import type postgres from "postgres";
import { eventually } from "../support/build.ts";
import { isLong, PATIENCE_MS, type Scene, sized } from "./support.ts";

/** How often the worker of each service is killed. */
export const KILLS = sized(2, 10);

/** Crashes are what this is about: they must not bury a job. */
export const MAX_CRASHES = 50;

/** Writes a row that the work will want to write. */
export type Hold = (tx: postgres.TransactionSql) => Promise<unknown>;

/** How much of the work is there, and how much it comes to. */
export type Extent = () => Promise<readonly [done: number, all: number]>;

/** What to kill, and where. */
export interface Kill {
  readonly hold: Hold;
  readonly extent: Extent;
  readonly settings?: Readonly<Record<string, string>>;
}

class Undone extends Error {}

/** Starts a worker and kills it as it waits for the row that is held; nothing of that row stays. */
export async function killAt(scene: Scene, { hold, extent, settings = {} }: Kill): Promise<void> {
  const sql = await scene.sql();
  await sql.begin(async (tx) => {
    await hold(tx);
    const [me] = await tx`select pg_backend_pid() as pid`;
    const worker = await scene.worker(settings);
    await eventually("it comes to that row", async () => {
      const waiting = await sql`
        select from pg_stat_activity where ${Number(me?.pid)} = any(pg_blocking_pids(pid))`;
      return waiting.length > 0;
    }, PATIENCE_MS);
    await assertMiddle(extent);
    await worker.kill();
    assertEquals(worker.status?.signal, "SIGKILL");
    throw new Undone();
  }).catch((error) => {
    if (!(error instanceof Undone)) throw error;
  });
}

/** Some of the work is done, and not all of it. */
export async function assertMiddle(extent: Extent): Promise<void> {
  const [done, all] = await extent();
  assert(done > 0 && done < all, `killed at ${done} of ${all}`);
  if (isLong) console.info(`killed at ${done} of ${all}`);
}

/** Something that lies further on with each kill, from 0. */
export function placeOf(kill: number, of: number): number {
  return Math.floor(of * (kill + 0.5) / KILLS);
}

/** The crashes of all jobs that have succeeded. */
export function crashesOf(sql: postgres.Sql): Promise<number> {
  return numberOf(sql`select coalesce(sum(crashes), 0) as n from perdura.job_archive`);
}

/** The `n` of the one row of a query. */
export async function numberOf(query: PromiseLike<readonly postgres.Row[]>): Promise<number> {
  const [row] = await query;
  return Number(row?.n);
}

/** Does `again` over and over for as long as `work` lasts. */
export async function beside<Result>(
  again: () => Promise<unknown>,
  work: () => Promise<Result>,
): Promise<Result> {
  let isOver = false;
  const working = work().finally(() => isOver = true);
  const going = (async () => {
    while (!isOver) await again();
  })();
  // What goes wrong beside the work is told at once.
  await Promise.race([working, going]).finally(() => isOver = true);
  await going;
  return await working;
}
