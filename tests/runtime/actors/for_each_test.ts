/** `forEach`: a job for each item of a stream; what its parent hears, and what ends it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { EventObject } from "xstate";
import { InvalidInputError } from "perdura";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";
import { gate, membersLeft, nothing, numbers, runtimeOn } from "./squares.ts";

Deno.test("a job for each item, a window at a time; the parent hears once, and its row stays small", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  const { actors } = runtime;
  let most = 0;
  const items = ["bad 1", "", "strange", ...numbers(400)];
  await actors.start({ machine: "sums", id: "s", input: { items, policy: { window: 50 } } });
  const before = await db.sql`select length(snapshot::text) as n from perdura.actor where id = 's'`;
  runtime.work();
  const over = await eventually("it ends", async () => {
    most = Math.max(most, await membersLeft(db) / 2);
    return await actors.wait(null, "s", "done", { timeoutMs: 10 });
  });
  const first = { ...nothing, total: 403, succeeded: 400, failed: 1, refused: 2, isReached: true };
  const last = { ...nothing, total: 1, succeeded: 1, isReached: true };
  assertEquals(over.output, { first, last, heard: 0 });
  assert(most <= 50, `${most} at once`);
  // Its start, the end of one, the end of the other.
  assertEquals((await actors.get(null, "s")).version, 3);
  const after = await db.sql`select length(snapshot::text) as n from perdura.actor where id = 's'`;
  assert(after[0]?.n < before[0]?.n + 500, `${before[0]?.n} grew to ${after[0]?.n}`);
  const failures = await actors.failures(null, "s/squares", null, 10);
  assertEquals(failures.map(({ label, error }) => `${label}: ${error?.message}`).toSorted(), [
    "item : payload.n: Too small: expected string to have >=1 characters",
    "item bad 1: No square of bad 1",
    "null: What is that?",
  ]);
});

Deno.test("one success is enough, or two are: the others are cancelled", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  gate.now = Promise.withResolvers();
  runtime.work();
  for (const [id, until, items] of [["any", "any", ["1"]], ["two", 2, ["1", "2"]]] as const) {
    const input = { items: [...items, "wait 1", "wait 2"], policy: { until } };
    await runtime.actors.start({ machine: "sums", id, input });
    const over = await runtime.actors.wait(null, id, "done", { timeoutMs: 60_000 });
    const { first } = Object(over?.output);
    assertEquals([first.succeeded, first.left, first.isReached], [items.length, 2, true]);
  }
  await eventually("those that waited are cancelled", async () => await membersLeft(db) === 0);
});

Deno.test("more successes are wanted than there are items: it ends all the same, and says so", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  runtime.work();
  const input = { items: ["1", "bad"], policy: { until: 2 } };
  await runtime.actors.start({ machine: "sums", id: "few", input });
  const over = await runtime.actors.wait(null, "few", "done", { timeoutMs: 60_000 });
  const first = { ...nothing, total: 2, succeeded: 1, failed: 1, isReached: false };
  assertEquals(Object(over?.output).first, first);
});

Deno.test("a failure is an event for the parent, or the end of all", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  gate.now = Promise.withResolvers();
  runtime.work();
  const { actors } = runtime;
  const told = { items: ["bad 1", "bad 2", "3"], policy: { tells: true } };
  await actors.start({ machine: "sums", id: "told", input: told });
  const over = await actors.wait(null, "told", "done", { timeoutMs: 60_000 });
  assertEquals(Object(over?.output).heard, 2);
  const stopped = { items: ["bad 1", "wait 1"], policy: { onFailure: "stop" } };
  await actors.start({ machine: "sums", id: "stopped", input: stopped });
  const ended = await actors.wait(null, "stopped", "done", { timeoutMs: 60_000 });
  const { first } = Object(ended?.output);
  assertEquals([first.failed, first.left, first.isReached], [1, 1, false]);
  await eventually("the other is cancelled", async () => await membersLeft(db) === 0);
});

Deno.test("items are added at run time, until it is closed", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  runtime.work();
  const { actors } = runtime;
  const input = { items: ["1"], policy: { holds: true, window: 4 } };
  await actors.start({ machine: "sums", id: "open", input });
  for (const items of [["2", "bad"], numbers(20)]) {
    await actors.send("open", { type: "MORE", items });
  }
  await actors.send("open", { type: "NO_MORE" });
  const over = await actors.wait(null, "open", "done", { timeoutMs: 60_000 });
  const first = { ...nothing, total: 23, succeeded: 22, failed: 1, isReached: true };
  assertEquals(Object(over?.output).first, first);
});

Deno.test("whoever stops the parent, or its state, stops all its jobs", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  gate.now = Promise.withResolvers();
  runtime.work({ concurrency: 5 });
  const { actors } = runtime;
  const items = Array.from({ length: 300 }, (_, n) => `wait ${n}`);
  for (const end of ["leave", "cancel", "terminate"] as const) {
    const input = { items, policy: { window: 1_000 } };
    await actors.start({ machine: "sums", id: end, input });
    await eventually("all are there", async () => await membersLeft(db) === 600);
    if (end === "leave") await actors.send(end, { type: "STOP" });
    else await actors[end](end, "enough");
    await eventually("none is left", async () => await membersLeft(db) === 0);
    const [row] = await db.sql`
      select count(*)::int as n from perdura.job_archive where type = 'each.square'`;
    assertEquals(row?.n % 300, 0);
  }
});

Deno.test("nobody else can say that jobs have ended", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  await runtime.actors.start({ machine: "sums", id: "s", input: { items: [] } });
  const forged: EventObject & { done: number } = { type: "perdura.ended", done: 1 };
  await assertRejects(() => runtime.actors.send("s/squares", forged), InvalidInputError, "own");
});
