/** What the pages keep, on PostgreSQL. */
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { PostgresFlows } from "./flows.ts";
import { field } from "./rows.ts";
import type { ActorCount, UiStore } from "./ui_records.ts";

const GROUPS_MAX = 2_000;
const COUNTED = "{active,paused,stalled,blocked,done,error}";

/** The side of the store that the pages use. */
export class PostgresUi implements UiStore {
  readonly flows: PostgresFlows;
  readonly #db: Pick<Database, "query">;

  constructor(db: Pick<Database, "query">) {
    this.#db = db;
    this.flows = new PostgresFlows(db);
  }

  async startSession(tokenHash: string, keyId: string, ttlMs: number): Promise<void> {
    await this.#db.query(sql.uiSessionStart, [tokenHash, keyId, ttlMs]);
  }

  async sessionKey(tokenHash: string): Promise<string | null> {
    const [row] = await this.#db.query(sql.uiSessionFind, [tokenHash]);
    return row ? field<string>(row, "key_id") : null;
  }

  async endSession(tokenHash: string): Promise<void> {
    await this.#db.query(sql.uiSessionEnd, [tokenHash]);
  }

  async findPicture(hash: string, layout: number): Promise<string | null> {
    const [row] = await this.#db.query(sql.uiPictureFind, [hash, layout]);
    return row ? field<string>(row, "svg") : null;
  }

  async keepPicture(hash: string, layout: number, svg: string): Promise<void> {
    await this.#db.query(sql.uiPictureKeep, [hash, layout, svg]);
  }

  async countActors(tenantId: string | null, machine: string): Promise<ActorCount[]> {
    const rows = await this.#db.query(sql.actorCounts, [tenantId, machine, COUNTED, GROUPS_MAX]);
    return rows.map((row) => ({
      state: field<string>(row, "state"),
      status: field<string>(row, "status"),
      count: Number(field<string>(row, "n")),
    }));
  }
}
