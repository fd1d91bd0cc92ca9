/** API keys in the database. */
import type { Scope } from "../core/access.ts";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { column, quoted } from "./literal.ts";
import { toApiKey } from "./rows.ts";

/** Tenant of a key that is good everywhere. */
export const PLATFORM_TENANT = "*";

/** A stored key; its secret is known to its owner alone. */
export interface ApiKey {
  readonly id: string;
  /** Null: a platform key. */
  readonly tenantId: string | null;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
  /** Neither revoked nor expired, by the database clock. */
  readonly isLive: boolean;
}

/** A key on its way into the database. */
export interface NewApiKey {
  readonly id: string;
  readonly tenantId: string | null;
  readonly name: string;
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: string | null;
}

/** What the API and the command line ask of the table of keys. */
export interface KeyStore {
  /** False: `onlyFirst`, and there is a live platform key. */
  addKey(key: NewApiKey, onlyFirst: boolean): Promise<boolean>;
  findKey(id: string): Promise<{ key: ApiKey; hash: string } | null>;
  listKeys(tenantId: string | null, limit: number): Promise<ApiKey[]>;
  /** False: there is none of this tenant. */
  revokeKey(tenantId: string | null, id: string): Promise<boolean>;
  touchKey(id: string): Promise<void>;
}

/** Keys on PostgreSQL. */
export class PostgresKeys implements KeyStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async addKey(key: NewApiKey, onlyFirst: boolean): Promise<boolean> {
    const rows = await this.#db.query(sql.addKey, [
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
    const [row] = await this.#db.query(sql.findKey, [id]);
    return row ? toApiKey(row) : null;
  }

  async listKeys(tenantId: string | null, limit: number): Promise<ApiKey[]> {
    const rows = await this.#db.query(sql.listKeys, [tenantId, limit]);
    return rows.map((row) => toApiKey(row).key);
  }

  async revokeKey(tenantId: string | null, id: string): Promise<boolean> {
    return (await this.#db.query(sql.revokeKey, [tenantId, id])).length > 0;
  }

  async touchKey(id: string): Promise<void> {
    await this.#db.query(sql.touchKey, [id]);
  }
}
