/** What a job, its type and the settings say of the delay between attempts, made one. */
import { assertEquals } from "@std/assert";
import { defineHandler, indexHandlers } from "../../src/runtime/handlers.ts";
import { growthOf } from "../../src/runtime/growth.ts";
import { prepareJob } from "../../src/runtime/preparing.ts";
import { z } from "zod";

const settings = { baseMs: 1_000, factor: 3, capMs: 60_000 };

Deno.test("growthOf() takes what is named, and no cap of others below a named base", () => {
  assertEquals(growthOf({}, settings), settings);
  assertEquals(growthOf({ factor: 1 }, settings), { ...settings, factor: 1 });
  assertEquals(growthOf({ baseMs: 5 }, settings), { ...settings, baseMs: 5 });
  assertEquals(growthOf({ baseMs: 90_000 }, settings), {
    ...settings,
    baseMs: 90_000,
    capMs: 90_000,
  });
  const both = { baseMs: 90_000, capMs: 500 };
  assertEquals(growthOf(both, settings), { ...settings, ...both });
  const low = { ...settings, capMs: 500 };
  assertEquals(growthOf({}, low), low);
});

Deno.test("the backoff of a job leaves to its type, and then to the settings, what it does not name", () => {
  const [plain, slow] = [{}, { baseMs: 10, factor: 4, capMs: 500 }].map((retry) => {
    const type = "factor" in retry ? "slow" : "plain";
    return defineHandler({ type, input: z.unknown(), retry, handle: () => {} });
  });
  if (!plain || !slow) throw new Error("No handlers");
  const host = {
    handlers: indexHandlers([plain, slow]),
    defaults: { maxAttempts: 3, maxCrashes: 3, backoff: settings },
  };
  const prepared = (type: string, backoff?: unknown) =>
    prepareJob(host, { type, ...backoff ? { backoff } : {} }, "").row.backoff;
  // Those that name nothing go by what their worker has.
  assertEquals([prepared("plain"), prepared("slow")], [null, null]);
  assertEquals(prepared("plain", { baseMs: 5 }), { baseMs: 5, factor: 3, capMs: 60_000 });
  assertEquals(prepared("slow", { baseMs: 5 }), { baseMs: 5, factor: 4, capMs: 500 });
  assertEquals(prepared("slow", { baseMs: 600 }), { baseMs: 600, factor: 4, capMs: 600 });
  assertEquals(prepared("slow", { baseMs: 600, capMs: 90_000 }), {
    ...{ baseMs: 600, factor: 4, capMs: 90_000 },
  });
});
