/** What `createRuntime`, `createEdge` and `work` take, as schemas: the types are gone at run time, misspellings are not. */
import { z } from "zod";
import { nameSchema } from "../core/forms.ts";
import { limits } from "../core/limits.ts";
import { optionsOf } from "../core/options.ts";

/** A day: timers count no further than 24 of them. */
const DEADLINE_MS_MAX = 86_400_000;

const whole = (min: number) => z.int().min(min).max(limits.delayMsMax).optional();
const text = z.string().optional();
const anything = z.unknown().optional();
const factor = z.number().min(1).max(10);

/** Of a worker. */
const working = {
  concurrency: whole(1),
  queues: z.array(nameSchema).nullable().optional(),
  partitionKey: nameSchema.nullable().optional(),
};

/** Options of `work`. */
export const workSchema: z.ZodType = optionsOf(working);

/** What a runtime goes by, wherever it runs. What other calls check for themselves is let through. */
const running = {
  ...working,
  ...{ batchSize: whole(1), pollMs: whole(1), leaseMs: whole(1), sweepMs: whole(1) },
  ...{ shutdownMs: whole(0), maxAttempts: whole(1), maxCrashes: whole(1) },
  tenantRate: z.int().min(1).nullable().optional(),
  backoff: optionsOf({ baseMs: z.int().min(0), factor, capMs: z.int().min(0) }).optional(),
  ...{ handlers: z.array(z.unknown()).optional(), machines: z.array(z.unknown()).optional() },
};

/** Options of `createRuntime`. */
export const runtimeSchema: z.ZodType = optionsOf({
  ...running,
  ...{ databaseUrl: text, listenUrl: text, name: text, payloadKeys: text },
  ...{ isPooled: z.boolean().optional(), migrate: z.boolean().optional() },
  connections: z.int().min(1).max(1_000).optional(),
  deadlineMs: z.int().min(100).max(DEADLINE_MS_MAX).optional(),
  ...{ sql: anything, tracing: anything, schedules: anything },
});

/** Options of `createEdge`. */
export const edgeSchema: z.ZodType = optionsOf({ ...running, budgetMs: whole(1) });
