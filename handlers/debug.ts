/** Handlers to try things with: registered when PERDURA_DEBUG is on. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { defineHandler, type Handler } from "perdura/handler";

/** Does nothing. */
const noop = defineHandler({
  type: "debug.noop",
  input: z.unknown(),
  handle: () => null,
});

/** Sleeps, unless it is told to stop. */
const sleeper = defineHandler({
  type: "debug.sleep",
  input: z.strictObject({ ms: z.int().min(0).max(24 * 3600 * 1000) }),
  handle: async ({ ms }, { signal }) => {
    await sleep(ms, undefined, { signal });
    return { sleptMs: ms };
  },
});

/** Fails the first `times` attempts. */
const fail = defineHandler({
  type: "debug.fail",
  input: z.strictObject({
    times: z.int().min(0).max(1000).default(1),
    message: z.string().max(1000).default("Failed on purpose"),
  }),
  handle: ({ times, message }, { job }) => {
    if (job.attempt <= times) throw new Error(message);
    return { attempt: job.attempt };
  },
});

/** Kills its own process the first `times` executions: nothing can be caught, nothing recorded. */
const crash = defineHandler({
  type: "debug.crash",
  input: z.strictObject({ times: z.int().min(0).max(1000).default(1) }),
  handle: async ({ times }, { job }) => {
    if (job.crashes < times) {
      process.kill(process.pid, "SIGKILL");
      await new Promise<never>(() => {});
    }
    return { crashes: job.crashes };
  },
});

/** Writes one row in the job's own transaction: exactly once, whatever dies. */
const effect = defineHandler({
  type: "debug.effect",
  input: z.strictObject({ key: z.string().min(1).max(200) }),
  handle: ({ key }, { job, transaction }) =>
    transaction(async (sql) => {
      await sql`
        insert into debug_effect (key, job_id, attempt)
        values (${key}, ${job.id}, ${job.attempt})`;
      return { key };
    }),
});

/** All of them. */
export const debugHandlers: readonly Handler[] = [noop, sleeper, fail, crash, effect];
