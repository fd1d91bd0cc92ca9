/** Isolated handlers: a loop without end is ended, and nobody else notices. */
import { assertEquals } from "@std/assert";
import { z } from "zod";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";
import { failing, leaving, spinner, worker } from "./isolated.ts";

const noop = defineHandler({ type: "debug.noop", input: z.unknown(), handle: () => "done" });

Deno.test("a handler that loops for ever is ended at its timeout; others go on meanwhile", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [spinner, noop]);
  const { id } = await w.jobs.enqueueUnchecked({ type: "isolated.spin" });
  // On a slow machine it may be over by the time somebody looks.
  await w.reach(id, "running", "dead_letter");
  assertEquals((await w.run("debug.noop", {})).output, "done");
  const spun = await w.reach(id, "dead_letter");
  assertEquals([spun.lastError?.code, spun.attempt], ["timeout", 1]);
  assertEquals((await w.run("debug.noop", {})).output, "done");
});

Deno.test("an isolated handler has its steps, progress, locks and its transaction", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [worker]);
  const job = await w.run("isolated.work", { n: 21, key: "k1" });
  assertEquals([job.output, job.progress, job.lastError], [
    { doubled: 42, token: true },
    { at: 21 },
    null,
  ]);
  assertEquals((await db.sql`select from debug_effect where key = 'k1'`).length, 1);
  assertEquals((await db.sql`select from perdura.lock`).length, 0);
});

Deno.test("what an isolated handler throws or gives up on is in the job", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [failing]);
  const errorOf = async (how: string) => (await w.run("isolated.fail", { how })).lastError;
  const thrown = await errorOf("throw");
  assertEquals([thrown?.name, thrown?.message, thrown?.code], ["TypeError", "odd", "odd"]);
  assertEquals((await errorOf("give_up"))?.message, "no use");
  assertEquals((await errorOf("lost"))?.message.includes("stray"), true);
});

Deno.test("an isolated handler that ends its thread has failed at once, and its neighbours go on", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [leaving, noop]);
  for (const how of ["exit", "close"]) {
    const { state, lastError } = await w.run("isolated.leave", { how });
    assertEquals([state, lastError?.message.includes("ended its thread")], ["dead_letter", true]);
  }
  assertEquals((await w.run("debug.noop", {})).output, "done");
});

Deno.test("an isolated handler that its module does not declare says so", async () => {
  await using db = await testDatabase();
  const inside = defineHandler({
    type: "isolated.inside",
    input: z.unknown(),
    retry: { maxAttempts: 1 },
    isolate: { module: new URL("./isolated.ts", import.meta.url).href },
    handle: () => null,
  });
  await using w = testWorker(db, [inside]);
  const { lastError } = await w.run("isolated.inside", {});
  assertEquals(lastError?.message.includes("at the top of its module"), true);
  assertEquals(lastError?.retryable, false);
});
