/** Batches: jobs that are sent together, and what follows when they are done. */
import { z } from "zod";
import { nameSchema } from "./forms.ts";
import { limits } from "./limits.ts";

/** What clients send. */
export const batchSchema = z.strictObject({
  /** Its id, of which there is one: the same request again is the same batch. */
  id: z.string().optional(),
  tenantId: nameSchema.optional(),
  /** Jobs as `POST /jobs` takes them, without keys. */
  jobs: z.array(z.unknown()).min(1).max(limits.batchJobsMax),
  /** Done when all have ended, any has succeeded, or so many have: what is left is cancelled. */
  until: z.union([z.enum(["all", "any"]), z.int().min(1)]).default("all"),
  /** What the first job that gives up does: it is counted, or it is the end of all. */
  onFailure: z.enum(["count", "stop"]).default("count"),
  /** A job that is stored when it is done, with what has come of it in its `metadata.batchOutput`. */
  then: z.unknown().optional(),
});

/** The same, checked. */
export type BatchRequest = z.output<typeof batchSchema>;

/** What a library sends. */
export type NewBatch = z.input<typeof batchSchema>;

/** `failed`: it cannot go on by itself; its actor says why. */
export const BATCH_STATES = ["running", "done", "cancelled", "failed"] as const;

/** A batch as clients see it: all keys present, null when empty. */
export interface Batch {
  readonly id: string;
  readonly tenantId: string;
  readonly state: typeof BATCH_STATES[number];
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Under way; or cancelled, because it was over without them. */
  readonly left: number;
  /** Its condition was met. */
  readonly isReached: boolean;
  readonly createdAt: string;
  readonly finishedAt: string | null;
}
