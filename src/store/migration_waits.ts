/** What those who migrate wait for, seen from a connection of its own: theirs is busy with waiting. */
import * as sql from "../../sql/mod.ts";
import { Database, type DatabaseOptions, type Row } from "./database.ts";
import { field } from "./rows.ts";

/** A session of the server. */
export interface Holder {
  readonly pid: number;
  /** Its `application_name`. */
  readonly name: string;
  /** As `pg_stat_activity` has it: `idle in transaction` and the like. */
  readonly state: string;
  /** How long its transaction has been open, milliseconds. */
  readonly sinceMs: number;
}

/** A session that migrates, and one that holds what it waits for. */
export interface MigrationWait {
  /** Of the server's process. */
  readonly pid: number;
  /** `Lock:relation` and the like; empty: it works. */
  readonly waitsFor: string;
  /** Null: it waits for nobody. */
  readonly holder: Holder | null;
}

/** What migrations wait for now. @throws {UnavailableError} */
export async function migrationWaits(
  { url, isPooled = false }: Pick<DatabaseOptions, "url" | "isPooled">,
): Promise<MigrationWait[]> {
  const database = new Database({ url, isPooled, connections: 1, name: "perdura start" });
  try {
    const rows = await database.query(sql.migrationWaits);
    return rows.map((row) => ({
      pid: field<number>(row, "pid"),
      waitsFor: field<string>(row, "waits_for"),
      holder: holderOf(row),
    }));
  } finally {
    await database.close();
  }
}

function holderOf(row: Row): Holder | null {
  const pid = field<number>(row, "holder");
  if (pid === 0) return null;
  return {
    pid,
    name: field<string>(row, "name"),
    state: field<string>(row, "state"),
    sinceMs: Math.round(field<number>(row, "since_ms")),
  };
}
