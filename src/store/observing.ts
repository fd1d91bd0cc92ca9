/** What operators watch: read in bounded statements that lock nothing, and never more often than asked. */
import { stateCode, stateOf } from "../core/codes.ts";
import { statesAccepting } from "../core/lifecycle.ts";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import type { Observed, ObserveStore, PoolUse } from "./observations.ts";
import { field } from "./rows.ts";

/** Levels of lanes, and mail, that are looked at: about 20 ms of the database at most. */
const LANES = 2_000;
const MAIL = 10_000;

const waiting = `{${statesAccepting("CLAIM").map(stateCode).join(",")}}`;

/** Observations on PostgreSQL. */
export class PostgresObserver implements ObserveStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  get pool(): PoolUse {
    return this.#db.use;
  }

  async observe(): Promise<Observed> {
    // One after the other: a look takes one connection of the pool.
    const counts = await this.#db.query(sql.counts, [null]);
    const backlog = await this.#db.query(sql.backlog, [waiting, LANES]);
    const [mail] = await this.#db.query(sql.mailWaiting, [MAIL]);
    const [state] = await this.#db.query(sql.databaseState);
    const dead: Record<string, number> = JSON.parse(field<string>(state, "dead"));
    return {
      jobs: counts.map((row) => ({
        queue: field<string>(row, "q"),
        state: stateOf(field<number>(row, "s")),
        count: Number(row.n),
      })),
      backlog: backlog.map((row) => ({
        queue: field<string>(row, "q"),
        seconds: field<number>(row, "seconds"),
      })),
      mail: field<number>(mail, "n"),
      oldestMailSeconds: field<number>(mail, "oldest"),
      oldestTimerSeconds: field<number>(mail, "timer"),
      oldestFireSeconds: field<number>(mail, "schedule"),
      inbox: field<number>(mail, "inbox"),
      oldestTransactionSeconds: field<number>(state, "oldest"),
      leases: field<number>(state, "leases"),
      deadRatios: Object.entries(dead),
    };
  }
}
