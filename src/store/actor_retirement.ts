/**
 * Actors that have ended longer ago than they are to be kept: they go with their children and their past.
 *
 * They are looked at in the order of their names, so many in a sweep; where this process has come to is a
 * hint of its own.
 */
import * as sql from "../../sql/mod.ts";
import type { ActorName } from "./actor_records.ts";
import type { Database } from "./database.ts";
import { field } from "./rows.ts";

const LOOK_ROWS = 5_000;
const ENDED = "{done,error,cancelled,terminated}";
/** Machines of Perdura's own, as a pattern: what they have done is kept by other rules. */
const OURS = "perdura.%";
const LEAST: ActorName = { tenantId: "", id: "" };

/** Lets actors go. */
export class ActorRetirement {
  readonly #db: Pick<Database, "query">;
  readonly #subject: number;
  #place = LEAST;

  /** @param subject The code under which the policies of actors stand. */
  constructor(db: Pick<Database, "query">, subject: number) {
    this.#db = db;
    this.#subject = subject;
  }

  /** A bounded part. Gives how many roots went. */
  async enforce(): Promise<number> {
    const { tenantId, id } = this.#place;
    const parameters = [tenantId, id, LOOK_ROWS, ENDED, this.#subject, OURS];
    const [row] = await this.#db.query(sql.actorRetire, parameters);
    const isOver = field<number>(row, "looked") < LOOK_ROWS;
    this.#place = isOver
      ? LEAST
      : { tenantId: field<string>(row, "t"), id: field<string>(row, "i") };
    return field<number>(row, "removed");
  }
}
