/** Rewinds and forks of a parent whose `forEach` is under way, or has ended since. */
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/build.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { gate, membersLeft, nothing, runtimeOn } from "./squares.ts";

async function squaresOf(db: TestDatabase): Promise<number> {
  const [row] = await db.sql`
    select count(*)::int as n from perdura.job_archive where type = 'each.square'`;
  return Number(row?.n);
}

const DONE = { timeoutMs: 60_000 };

Deno.test("a forEach that is under way when its parent is rewound goes on, with what it has counted", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  const { actors } = runtime;
  gate.now = Promise.withResolvers();
  runtime.work();
  await actors.start({ machine: "sums", id: "s", input: { items: ["1", "2", "wait 3"] } });
  const counted = () =>
    eventually("two are counted", async () => {
      return Object((await actors.get(null, "s/squares")).context).succeeded === 2;
    });
  await counted();
  await actors.rewind("s", { at: 1, activities: "reuse" });
  await counted();
  gate.now.resolve();
  const over = await actors.wait(null, "s", "done", DONE);
  // NaN is the square of what it waited for.
  const first = { ...nothing, total: 3, succeeded: 3, isReached: true };
  assertEquals(Object(over?.output).first, first);
  assertEquals([await squaresOf(db), await membersLeft(db)], [4, 0]);
});

Deno.test("begun again, it begins at nothing: the others are cancelled, and only its own failures are told", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  const { actors } = runtime;
  gate.now = Promise.withResolvers();
  runtime.work();
  await actors.start({ machine: "sums", id: "s", input: { items: ["1", "bad", "wait 3"] } });
  const failed = () =>
    eventually("one has failed", async () => {
      const { context } = await actors.get(null, "s/squares");
      return Object(context).failed === 1 && await actors.failures(null, "s/squares", null, 10);
    });
  const [old] = await failed();
  const { version } = await actors.get(null, "s/squares");
  await actors.rewind("s", { at: 1 });
  await eventually("it has begun again", async () => {
    return (await actors.get(null, "s/squares")).version > version;
  });
  const again = await eventually("it fails again", async () => {
    const list = await failed();
    return list[0]?.jobId !== old?.jobId && list;
  });
  assertEquals(again.map(({ label }) => label), ["item bad"]);
  gate.now.resolve();
  const over = await actors.wait(null, "s", "done", DONE);
  const first = { ...nothing, total: 3, succeeded: 2, failed: 1, isReached: true };
  assertEquals(Object(over?.output).first, first);
});

Deno.test("one that has ended since gives its result again, to a rewind and to a fork", async () => {
  await using db = await testDatabase();
  await using runtime = await runtimeOn(db);
  const { actors } = runtime;
  runtime.work();
  await actors.start({ machine: "sums", id: "s", input: { items: ["1", "2", "bad"] } });
  const over = await actors.wait(null, "s", "done", DONE);
  const { first } = Object(over?.output);
  assertEquals([first.succeeded, first.failed], [2, 1]);
  await actors.rewind("s", { at: 1, activities: "reuse" });
  const again = await actors.wait(null, "s", "done", DONE);
  assertEquals(Object(again?.output).first, first);
  await actors.fork("s", { at: 1, name: "f", activities: "reuse" });
  const fork = await actors.wait(null, "f", "done", DONE);
  assertEquals(Object(fork?.output).first, first);
  // Two squares, and one more of their number for each branch.
  assertEquals(await squaresOf(db), 2 + 3);
});
