/** Actors as a turn needs them, many at once, by the activities that have ended. */
import * as sql from "../../sql/mod.ts";
import type { ActorView } from "./actor_records.ts";
import { toActorView } from "./actor_rows.ts";
import type { Database } from "./database.ts";
import { column, quoted } from "./literal.ts";
import { field } from "./rows.ts";
import type { Awaited } from "./seat_records.ts";

const RUNS = "active";

/** See `ActorSeats`. */
export async function readSeats(
  db: Pick<Database, "query">,
  awaited: readonly Awaited[],
): Promise<ReadonlyMap<string, ActorView>> {
  const rows = await db.query(sql.actorSeats, [
    column(awaited, ({ tenantId }) => quoted(tenantId)),
    column(awaited, ({ id }) => quoted(id)),
    column(awaited, ({ jobId }) => jobId),
    RUNS,
  ]);
  return new Map(rows.map((row) => [field<string>(row, "job"), toActorView(row)]));
}
