/** How long what has ended is kept. */
import { z } from "zod";
import { nameSchema } from "./forms.ts";
import { limits } from "./limits.ts";

/**
 * What a policy is about: jobs that have ended in a state, the history of all jobs and actors, actors that
 * have ended, whose `type` is the machine of their root, or operations that have, whose `type` is their action.
 */
export const RETENTION_SUBJECTS = [
  ...["succeeded", "dead_letter", "cancelled"] as const,
  ...["history", "actor", "operation"] as const,
] as const;

/** One of them. */
export type RetentionSubject = (typeof RETENTION_SUBJECTS)[number];

/** A policy; null: of all tenants, all types, any age, any number. */
export interface RetentionPolicy {
  readonly tenantId: string | null;
  readonly type: string | null;
  readonly state: RetentionSubject;
  /** Milliseconds since the end. */
  readonly maxAgeMs: number | null;
  /** The newest so many of each tenant. */
  readonly maxCount: number | null;
  /** What goes is counted by day. */
  readonly keepSummary: boolean;
  /** It comes from the settings; an operator may say otherwise. */
  readonly isDeclared: boolean;
}

const name = {
  tenantId: nameSchema.nullable().optional(),
  type: nameSchema.nullable().optional(),
  state: z.enum(RETENTION_SUBJECTS),
} as const;

/** Body of `PUT /retention`. */
export const retentionSchema = z.strictObject({
  ...name,
  maxAgeMs: z.int().min(1_000).max(limits.delayMsMax).nullable().optional(),
  maxCount: z.int().min(0).max(limits.keptMax).nullable().optional(),
  keepSummary: z.boolean().default(false),
}).refine(
  ({ maxAgeMs, maxCount }) => (maxAgeMs ?? null) !== null || (maxCount ?? null) !== null,
  { path: ["maxAgeMs"], message: "Give maxAgeMs, maxCount, or both" },
).refine(
  ({ state, tenantId, type, maxCount }) =>
    state !== "history" || [tenantId, type, maxCount].every((each) => (each ?? null) === null),
  { path: ["state"], message: "History is kept by its age alone, for all tenants and types" },
).refine(
  ({ state, maxCount, keepSummary }) =>
    (state !== "actor" && state !== "operation") || (maxCount ?? null) === null && !keepSummary,
  {
    path: ["maxCount"],
    message: "Actors and operations are kept by their age alone, and not counted",
  },
);

/** Query of `DELETE /retention`. */
export const retentionNameSchema = z.object({
  tenantId: nameSchema.optional(),
  type: nameSchema.optional(),
  state: z.enum(RETENTION_SUBJECTS),
});
