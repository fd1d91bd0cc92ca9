/**
 * Actors and operations that have ended longer ago than they are to be kept: they go with all that is theirs.
 *
 * They are looked at in the order of their names, so many in a sweep; where this process has come to is a
 * hint of its own.
 */
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { field } from "./rows.ts";

const ENDED = "{done,error,cancelled,terminated}";

/** What is let go of, and how. */
interface Retiring {
  readonly statement: string;
  /** So many are looked at in a sweep. */
  readonly rows: number;
  /** The place before all others, as the statement has it. */
  readonly least: string;
  /** Its parameters after the statuses of what has ended and the code of the policies. */
  readonly more: readonly string[];
}

/** The operations' own actors go with them. */
const ACTORS: Retiring = {
  ...{ statement: sql.actorRetire, rows: 5_000, least: "", more: ["perdura.operation"] },
};

/** One of a million jobs has 250 parts. */
const OPERATIONS: Retiring = {
  ...{ statement: sql.operationRetire, rows: 50, more: [] },
  least: "00000000-0000-0000-0000-000000000000",
};

/** Lets go of one kind. */
export class Retirement {
  readonly #db: Pick<Database, "query">;
  readonly #kind: Retiring;
  readonly #subject: number;
  #place: readonly [tenantId: string, id: string];

  /** @param subject The code under which its policies stand. */
  constructor(db: Pick<Database, "query">, kind: "actors" | "operations", subject: number) {
    this.#db = db;
    this.#kind = kind === "actors" ? ACTORS : OPERATIONS;
    this.#subject = subject;
    this.#place = ["", this.#kind.least];
  }

  /** A bounded part. Gives how many went. */
  async enforce(): Promise<number> {
    const { statement, rows, least, more } = this.#kind;
    const parameters = [...this.#place, rows, ENDED, this.#subject, ...more];
    const [row] = await this.#db.query(statement, parameters);
    const isOver = field<number>(row, "looked") < rows;
    this.#place = isOver ? ["", least] : [field<string>(row, "t"), field<string>(row, "i")];
    return field<number>(row, "removed");
  }
}
