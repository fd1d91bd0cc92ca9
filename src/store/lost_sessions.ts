/**
 * Sessions that were lost with a statement under way.
 *
 * A server that is cut off goes on with what it has, and what was still in the network arrives when that
 * is whole again: seconds after the answer was given up, and after whoever read back has seen nothing.
 * So the session is ended before anybody reads back. docs/decisions/0133.
 */
import * as sql from "../../sql/mod.ts";
import type { Connection } from "./connection.ts";
import { column } from "./literal.ts";

/** All are told, then waited for; the last look sees that they are gone. Milliseconds for each. */
const WAITS_MS = [0, 1_000, 0];
/** Who waits for this has waited for a deadline already. */
const MS_MAX = 3_000;
/** Sessions that are lost together are told of within this time. */
const GATHER_MS = 1;

/** Ends sessions of one pool. */
export class LostSessions {
  readonly #open: () => Connection;
  #next: { readonly ids: Set<number>; readonly areOver: Promise<boolean> } | null = null;

  /** @param open A connection under the name and as the user of those that were lost. */
  constructor(open: () => Connection) {
    this.#open = open;
  }

  /** Ends a session of the server. True: it is over, and so is all that it was sent. */
  end(id: number): Promise<boolean> {
    this.#next ??= this.#gather();
    this.#next.ids.add(id);
    return this.#next.areOver;
  }

  #gather() {
    const ids = new Set<number>();
    const areOver = new Promise((done) => setTimeout(done, GATHER_MS)).then(() => {
      this.#next = null;
      return this.#endAll([...ids]);
    });
    return { ids, areOver };
  }

  async #endAll(ids: readonly number[]): Promise<boolean> {
    const connection = this.#open();
    const overdue = setTimeout(() => connection.cut("No answer"), MS_MAX);
    try {
      for (const waitMs of WAITS_MS) {
        const parameters = [column(ids, (id) => id), String(waitMs)];
        const rows = await connection.query(sql.endSessions, parameters);
        const own = rows.find((row) => row.is_own);
        // A pooler that nobody has told us of gives processes numbers of its own.
        if (Number(own?.pid) !== connection.session) return false;
        if (rows.length === 1) return true;
      }
      return false;
    } catch {
      return false;
    } finally {
      clearTimeout(overdue);
      void connection.end();
    }
  }
}
