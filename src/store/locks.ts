/** Locks of handlers on PostgreSQL: lease rows with a token that only rises. */
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import type { LockHolder, LockName, LockStore } from "./gating.ts";
import { field } from "./rows.ts";

/** `LockStore`. */
export class PostgresLocks implements LockStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async take({ tenantId, id, worker }: LockHolder, name: string, ttlMs: number) {
    const [row] = await this.#db.query(sql.lock, [tenantId, name, id, worker, ttlMs]);
    return row ? Number(field<string>(row, "token")) : null;
  }

  async renew({ tenantId, name, token }: LockName, ttlMs: number): Promise<boolean> {
    const rows = await this.#db.query(sql.renewLock, [tenantId, name, token, ttlMs]);
    return rows.length > 0;
  }

  async release({ tenantId, name, token }: LockName): Promise<void> {
    await this.#db.query(sql.unlock, [tenantId, name, token]);
  }
}
