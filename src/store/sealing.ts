/** The last statement of a job's transaction: what makes the user's writes count once. */
import { LeaseLostError } from "../core/errors.ts";
import * as sql from "../../sql/mod.ts";
import { commitStatement } from "./changes.ts";
import type { Change, SavedStep } from "./records.ts";
import type { Send } from "./transaction.ts";

type Seal<T> = (send: Send, result: T) => Promise<void>;

/** See `WorkStore.transaction`. */
export function sealWithChange<T>(
  worker: string,
  finish: (result: T) => Change,
  also?: (send: Send) => Promise<void>,
): Seal<T> {
  return async (send, result) => {
    await also?.(send);
    const change = finish(result);
    const { text, parameters } = commitStatement({ worker, expiredOnly: false }, [change], true);
    const unmoved = await send(text, parameters);
    if (unmoved.length > 0) throw new LeaseLostError(change.id, change.version);
  };
}

/** See `WorkStore.stepTransaction`. */
export function sealWithStep<T>(finish: (result: T) => SavedStep): Seal<T> {
  return async (send, result) => {
    const { job, attempt, name, json } = finish(result);
    const held = [job.tenantId, job.id, job.version, job.leaseId];
    const saved = await send(sql.sealStep, [...held, name, attempt, json]);
    if (saved.length === 0) throw new LeaseLostError(job.id, job.version);
  };
}
