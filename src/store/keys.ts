/** API keys in the database. */
import type { ApiKey, NewApiKey } from "../core/api_key.ts";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { column, quoted } from "./literal.ts";
import { field, toApiKey } from "./rows.ts";
import type { KeyStore } from "./store.ts";

/** Tenant of a key that is good everywhere. */
export const PLATFORM_TENANT = "*";

/** Keys on PostgreSQL. */
export class PostgresKeys implements KeyStore {
  readonly #db: Database;
  readonly #requests: Database;

  constructor(db: Database, requests: Database) {
    this.#db = db;
    this.#requests = requests;
  }

  async addKey(key: NewApiKey, onlyFirst: boolean): Promise<boolean> {
    const rows = await this.#requests.query(sql.addKey, [
      key.tenantId ?? PLATFORM_TENANT,
      key.id,
      key.name,
      key.hash,
      column(key.scopes, quoted),
      key.expiresAt,
      onlyFirst,
    ]);
    return rows.length > 0;
  }

  async findKey(id: string): Promise<{ key: ApiKey; hash: string } | null> {
    const [row] = await this.#requests.query(sql.findKey, [id]);
    if (!row) return null;
    // Another one is read as well, so that nobody can tell by the time it takes.
    const found = toApiKey(row);
    return field<boolean>(row, "is_asked") ? found : null;
  }

  async listKeys(
    tenantId: string | null,
    before: string | null,
    limit: number,
  ): Promise<ApiKey[]> {
    const rows = await this.#requests.query(sql.listKeys, [tenantId, limit, before]);
    return rows.map((row) => toApiKey(row).key);
  }

  async hasKey(): Promise<boolean> {
    const [row] = await this.#db.query(sql.hasKey);
    return field<boolean>(row, "found");
  }

  async revokeKey(tenantId: string | null, id: string): Promise<boolean> {
    return (await this.#requests.query(sql.revokeKey, [tenantId, id])).length > 0;
  }

  async expireKey(tenantId: string | null, id: string, afterMs: number): Promise<boolean> {
    return (await this.#requests.query(sql.expireKey, [tenantId, id, afterMs])).length > 0;
  }

  async touchKey(id: string): Promise<void> {
    await this.#db.query(sql.touchKey, [id]);
  }
}
