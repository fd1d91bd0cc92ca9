/**
 * The span of an attempt that failed is stored with its error: whichever process takes the next attempt
 * gets it with the claim, and links its own to it.
 */
import type { SpanContext } from "@opentelemetry/api";
import type { Change, WorkStore } from "../store/store.ts";
import type { Recent } from "./recent.ts";
import { traceparentOf } from "./traceparent.ts";

/** `commit` of a store, with the spans of failed attempts. @param failed Attempts that failed, by job. */
export function tracedFailures(
  store: Pick<WorkStore, "commit">,
  failed: Recent<SpanContext>,
): WorkStore["commit"] {
  return async (worker, changes) => {
    if (failed.isEmpty) return await store.commit(worker, changes);
    const traced = changes.map((change) => withTrace(change, failed.get(change.id)));
    const refusals = await store.commit(worker, traced);
    // Not before: a batch that did not reach the database is sent again.
    for (const { id } of changes) failed.take(id);
    const own = new Map(traced.map((change, index) => [change, changes[index] ?? change]));
    return refusals.map((refusal) => ({
      ...refusal,
      change: own.get(refusal.change) ?? refusal.change,
    }));
  };
}

/** Only where another attempt follows: actors are told the error of the last one. */
function withTrace(change: Change, span: SpanContext | undefined): Change {
  const traceparent = traceparentOf(span);
  const { error, decision } = change;
  if (traceparent === null || error === null || decision.to !== "retry") return change;
  return { ...change, error: { ...error, traceparent } };
}
