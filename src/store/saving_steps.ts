/** Results of steps into the database: a batch shares no fate. */
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { RefusedError } from "./failures.ts";
import { column, quoted } from "./literal.ts";
import type { SavedStep, StepFate } from "./records.ts";
import { field } from "./rows.ts";

/** Stores results; see `WorkStore.saveSteps`. */
export async function saveSteps(
  db: Pick<Database, "query">,
  steps: readonly SavedStep[],
): Promise<StepFate[]> {
  try {
    const rows = await db.query(sql.saveStep, [
      column(steps, ({ job }) => quoted(job.tenantId)),
      column(steps, ({ job }) => job.id),
      column(steps, ({ job }) => job.version),
      column(steps, ({ name }) => quoted(name)),
      column(steps, ({ attempt }) => attempt),
      column(steps, ({ json }) => quoted(json)),
      column(steps, ({ job }) => job.leaseId),
    ]);
    const saved = new Set(rows.map((row) => field<number>(row, "k")));
    return steps.map((_, index) => saved.has(index + 1) ? "saved" : "lost");
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    if (steps.length === 1) return [{ refused: error }];
    const middle = steps.length >> 1;
    const first = await saveSteps(db, steps.slice(0, middle));
    return [...first, ...await saveSteps(db, steps.slice(middle))];
  }
}
