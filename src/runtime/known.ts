/**
 * Who asks again for what is there is answered, whatever is drained or full: nothing new comes in.
 *
 * It is looked up only for what the door has refused; what is let in is told when it is stored.
 */
import { IdempotencyConflictError, RateLimitedError } from "../core/errors.ts";
import type { JobInsert } from "../core/job.ts";
import type { Entered, Inserted, JobStore, UniqueStore } from "../store/store.ts";
import type { Intake } from "./intake.ts";
import type { Prepared } from "./preparing.ts";
import { type Added, keptBy } from "./uniques.ts";

type Known = Pick<JobStore, "known">;

/** Lets jobs in, all or none; nothing is asked of those whose key is known. @throws {RateLimitedError} */
export async function admitNew(
  intake: Intake,
  store: Known,
  rows: readonly JobInsert[],
): Promise<void> {
  try {
    await intake.admit(rows);
  } catch (refusal) {
    if (!(refusal instanceof RateLimitedError)) throw refusal;
    const known = new Set((await store.known(rows)).map(({ id }) => id));
    if (known.size === 0) throw refusal;
    await intake.admit(rows.filter(({ id }) => !known.has(id)));
  }
}

/**
 * What a job is answered with that was refused: the one that is there.
 *
 * @throws The refusal, if it asks for anything new. A unique one does that would change its holder.
 */
export async function answerKnown(
  refusal: unknown,
  store: Known,
  uniques: Pick<UniqueStore, "holder">,
  { row, unique }: Prepared,
): Promise<Added & Entered> {
  if (!(refusal instanceof RateLimitedError)) throw refusal;
  const found = unique
    ? { holder: await keptBy(uniques, row, unique), differs: false }
    : (await store.known([row])).at(0);
  if (!found || found.holder === null) throw refusal;
  const { holder: id, differs } = found;
  return { id, created: false, differs, placed: null, unique: unique && "deduplicated" };
}

/** What was stored, or is there, for whoever asked. @throws {IdempotencyConflictError} It is strict. */
export function demandSame<T extends Inserted>({ row, isStrict }: Prepared, stored: T): T {
  if (!isStrict || !stored.differs) return stored;
  throw new IdempotencyConflictError(row.idempotencyKey ?? "", stored.id);
}
