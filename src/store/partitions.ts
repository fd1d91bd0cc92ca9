/** Partitions by day, made ahead of time by whoever starts or sweeps. */
import { getLogger } from "@logtape/logtape";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { RefusedError } from "./failures.ts";
import { field } from "./rows.ts";

const log = getLogger(["perdura", "store"]);

const DAYS_AHEAD = 7;

/**
 * Adds what is missing.
 *
 * A partition is refused when rows of its day lie in the default partition already: a client with a
 * clock far ahead made them, or nobody swept for a week. They stay there, and are found there.
 */
export async function addPartitions(db: Database): Promise<void> {
  for (const row of await db.query(sql.partitionsDue, [DAYS_AHEAD])) {
    try {
      await db.query(field<string>(row, "ddl"));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      log.warn("A partition could not be added", { reason: error.message });
    }
  }
}
