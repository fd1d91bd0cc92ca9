/**
 * Operations: one event for many jobs, chosen once and carried out part by part.
 *
 * What an action does to a job is the job machine's answer; here stands which event it is, and what
 * may be asked for.
 */
import { z } from "zod";
import { JOB_STATES, type JobEvent, type JobEventType, type JobState } from "../../machines/job.ts";
import { instantSchema, nameSchema } from "./forms.ts";
import { isTerminal, statesAccepting } from "./lifecycle.ts";
import { limits } from "./limits.ts";
import type { Term } from "./term.ts";

/** What may be done to many jobs. */
export const OPERATION_ACTIONS = ["requeue", "retry", "cancel", "reschedule", "delete"] as const;

/** One of them. */
export type OperationAction = (typeof OPERATION_ACTIONS)[number];

/** What became of one job of an operation, in the order of its stored code. Append only. */
export const ITEM_OUTCOMES = ["done", "moved", "refused", "key_taken", "gone"] as const;

/**
 * `moved`: somebody changed it first; `refused`: its state does not take the event; `key_taken`: another
 * job has its idempotency key; `gone`: deleted.
 */
export type ItemOutcome = (typeof ITEM_OUTCOMES)[number];

/** Jobs of one part: one transaction, well below the longest it may take. */
export const PART_JOBS = 4_000;

const text = z.string().min(1).max(200);
const states = z.array(z.enum(JOB_STATES)).min(1);

/** Which jobs; what is left out is not asked about. */
const operationFilterSchema = z.strictObject({
  state: z.union([z.enum(JOB_STATES), states]).optional(),
  type: nameSchema.optional(),
  queue: nameSchema.optional(),
  tenant: nameSchema.optional(),
  tag: z.string().min(1).max(limits.tagLengthMax).optional(),
  from: instantSchema.optional(),
  to: instantSchema.optional(),
  ids: z.array(z.uuid()).min(1).max(limits.idsMax).optional(),
  fingerprint: text.optional(),
  error: text.optional(),
  q: z.string().min(1).max(limits.queryLengthMax).optional(),
});

/** Body of `POST /operations`. */
export const operationSchema = z.strictObject({
  action: z.enum(OPERATION_ACTIONS),
  filter: operationFilterSchema.default({}),
  dryRun: z.boolean().default(false),
  ratePerSecond: z.int().min(1).max(limits.ratePerSecondMax).optional(),
  runAt: instantSchema.optional(),
  tenantId: nameSchema.optional(),
});

/** A checked filter. */
export type OperationFilter = z.output<typeof operationFilterSchema>;

/** A checked request. */
export type OperationRequest = z.output<typeof operationSchema>;

/** The jobs of an operation, as the store looks for them; null: not asked about. */
export interface JobSelection {
  /** null: of any tenant, by ids. */
  readonly tenantId: string | null;
  readonly ids: readonly string[] | null;
  readonly states: readonly JobState[];
  readonly type: string | null;
  readonly queue: string | null;
  /** Instants: of the end; of a live job its last error, else its creation. */
  readonly from: string | null;
  readonly to: string | null;
  readonly fingerprint: string | null;
  readonly terms: readonly Term[];
}

/** The event of an action for a job in a state; null: the job's row is deleted. */
export function eventOf(
  action: OperationAction,
  state: JobState,
  runAt: string | null,
): JobEvent | null {
  switch (action) {
    case "requeue":
      return { type: "REQUEUE" };
    case "retry":
      return { type: isTerminal(state) ? "REQUEUE" : "RETRY_NOW" };
    case "cancel":
      return { type: "CANCEL" };
    case "reschedule":
      return { type: "SCHEDULE", when: runAt === null ? { delayMs: 0 } : { runAt } };
    case "delete":
      return null;
  }
}

const eventTypes: Readonly<Record<OperationAction, readonly JobEventType[]>> = {
  requeue: ["REQUEUE"],
  retry: ["REQUEUE", "RETRY_NOW"],
  cancel: ["CANCEL"],
  reschedule: ["SCHEDULE"],
  delete: [],
};

/** States that an action can be asked for. */
export function statesFor(action: OperationAction): readonly JobState[] {
  if (action === "delete") return JOB_STATES.filter(isTerminal);
  const accepting = eventTypes[action].flatMap(statesAccepting);
  return JOB_STATES.filter((state) => accepting.includes(state));
}

/** States that are meant when none is named: what failed, never what somebody has cancelled. */
export function usualStates(action: OperationAction): readonly JobState[] {
  if (action === "requeue") return ["dead_letter"];
  return action === "retry" ? ["retry", "dead_letter"] : statesFor(action);
}
