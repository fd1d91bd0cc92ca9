/** Ordering keys on PostgreSQL: whose turn it is, and which keys wait for an operator. */
import { stateOf } from "../core/codes.ts";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { field, shape, toLane } from "./rows.ts";
import type { BlockedKey, KeyPlace, Lane, OrderStore } from "./store.ts";

/** The order side of the store. */
export class PostgresOrder implements OrderStore {
  readonly #db: Database;
  readonly #requests: Database;

  constructor(db: Database, requests: Database) {
    this.#db = db;
    this.#requests = requests;
  }

  async promote(keys: number): Promise<Lane[]> {
    return (await this.#db.query(sql.promote, [keys])).map(toLane);
  }

  async blocked(tenantId: string, after: string, limit: number): Promise<BlockedKey[]> {
    const rows = await this.#requests.query(sql.blockedKeys, [tenantId, after, limit]);
    return rows.map((row) => {
      const r = shape<{
        key: string;
        i: string;
        at: Date;
        k: string | null;
        error: string | null;
        waiting: string;
      }>(row);
      return {
        ...{ tenantId, key: r.key, jobId: r.i, type: r.k, error: r.error },
        since: r.at.toISOString(),
        waiting: Number(r.waiting),
      };
    });
  }

  async unblock(tenantId: string, key: string): Promise<string | null> {
    const [row] = await this.#requests.query(sql.unblockKey, [tenantId, key]);
    return row ? field<string>(row, "i") : null;
  }

  async turnOf(tenantId: string, key: string, id: string): Promise<KeyPlace | null> {
    const [row] = await this.#requests.query(sql.placeOf, [tenantId, key, id]);
    if (!row) return null;
    const r = shape<{ i: string; blocked: boolean; s: number | null; ahead: string }>(row);
    const state = r.blocked ? "dead_letter" : r.s === null ? null : stateOf(r.s);
    return { firstId: r.i, firstState: state, ahead: Number(r.ahead) };
  }
}
