/**
 * What keeps the tables quick, done by whoever sweeps. None of it is needed for any promise, so a
 * lock that cannot be had at once is left for the next sweep.
 */
import { getLogger } from "@logtape/logtape";
import { allInTurn } from "../core/in_turn.ts";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { RefusedError } from "./failures.ts";
import { column, quoted } from "./literal.ts";
import { field, toExpired } from "./rows.ts";
import type { ExpiredJob } from "./store.ts";

const log = getLogger(["perdura", "store"]);

const DAYS_AHEAD = 7;
const FOLD_ROWS = 10_000;
const FOLD_ROUNDS = 10;
/** Longer than anybody waits for a lock. */
const KEY_UNUSED_MS = 3_600_000;

/** Folds counters, adds partitions, summarises the history index. Bounded. */
export async function maintain(db: Database): Promise<void> {
  await allInTurn(
    () => fold(db, sql.foldCounters),
    () => fold(db, sql.foldErrors),
    () => db.query(sql.forgetWorkers),
    () => db.query(sql.forgetSlots),
    () => addPartitions(db),
    () => db.query(sql.forgetOrderingKeys, [KEY_UNUSED_MS, FOLD_ROWS]),
    () => db.query(sql.summarise).catch((error) => log.debug("History not summarised", { error })),
  );
}

async function fold(db: Database, text: string): Promise<void> {
  for (let round = 0; round < FOLD_ROUNDS; round++) {
    const [row] = await db.query(text, [FOLD_ROWS]);
    if (field<number>(row, "n") < FOLD_ROWS) break;
  }
}

/**
 * Adds the partitions that are missing for the days ahead.
 *
 * One is refused when rows of its day lie in the default partition already: a client with a clock
 * far ahead made them, or nobody swept for a week. They stay there, and are found there.
 */
export async function addPartitions(db: Database): Promise<void> {
  for (const row of await db.query(sql.partitionsDue, [DAYS_AHEAD])) {
    await runDdl(db, field<string>(row, "ddl"));
  }
}

/** Changes a partition, if its lock can be had at once. */
export async function runDdl(db: Database, ddl: string): Promise<void> {
  try {
    await db.query(ddl);
  } catch (error) {
    const level = error instanceof RefusedError ? "warn" : "debug";
    log[level]("A partition could not be changed", { error });
  }
}

/** `SweepStore.overdueCancels`: forgets the requests whose jobs have ended. */
export async function overdueCancels(
  db: Database,
  graceMs: number,
  limit: number,
): Promise<ExpiredJob[]> {
  const rows = await db.query(sql.overdueCancels, [graceMs, limit]);
  const settled = rows.filter((row) => toExpired(row) === null);
  if (settled.length > 0) {
    await db.query(sql.forgetCancels, [
      column(settled, (row) => quoted(field<string>(row, "t"))),
      column(settled, (row) => field<string>(row, "i")),
    ]);
  }
  return rows.map(toExpired).filter((job) => job !== null);
}
