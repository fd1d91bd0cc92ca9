/** Handlers that run in threads: each is declared by importing this module. */
import { z } from "zod";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { giveUp } from "../../src/core/outcome.ts";

const retry = { maxAttempts: 1 };

/** Never ends, and never looks at a signal. */
export const spinner = defineHandler({
  type: "isolated.spin",
  input: z.unknown(),
  timeoutMs: 300,
  retry,
  isolate: true,
  handle: () => {
    while (true);
  },
});

/** Uses all of its context. */
export const worker = defineHandler({
  type: "isolated.work",
  input: z.object({ n: z.number(), key: z.string() }),
  retry,
  isolate: true,
  handle: async ({ n, key }, { job, step, progress, lock, transaction }) => {
    progress({ at: n });
    const doubled = await step("double", () => n * 2);
    await using held = await lock("the-lock");
    return await transaction(async (sql) => {
      await sql`insert into debug_effect (key, job_id, attempt) values (${key}, ${job.id}, ${job.attempt})`;
      return { doubled, token: held.token > 0 };
    });
  },
});

/** Ends its own thread. */
export const leaving = defineHandler({
  type: "isolated.leave",
  input: z.object({ how: z.enum(["exit", "close"]) }),
  retry,
  isolate: true,
  handle: ({ how }) => {
    if (how === "exit") Deno.exit(3);
    globalThis.close();
    return new Promise<never>(() => {});
  },
});

/** Fails in different ways. */
export const failing = defineHandler({
  type: "isolated.fail",
  input: z.object({ how: z.enum(["throw", "give_up", "lost"]) }),
  retry,
  isolate: true,
  handle: ({ how }) => {
    if (how === "give_up") return giveUp(new Error("no use"));
    if (how === "throw") throw Object.assign(new TypeError("odd"), { code: "odd" });
    // Outside of anything that could catch it.
    setTimeout(() => {
      throw new Error("stray");
    });
    return new Promise<never>(() => {});
  },
});
