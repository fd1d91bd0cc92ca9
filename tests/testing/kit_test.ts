/** The test kit: a month in moments, and crashes where they hurt. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromPromise, setup } from "xstate";
import { activityContext, defineMachine } from "perdura";
import { CrashError, type CrashPoint, createTestKit } from "perdura/testing";
import { testDatabase } from "../support/database.ts";

const DAY_MS = 24 * 3_600_000;

const trial = setup({}).createMachine({
  id: "trial",
  initial: "trying",
  states: {
    trying: { after: { [14 * DAY_MS]: "reminded" }, on: { PAY: "paid" } },
    reminded: { after: { [16 * DAY_MS]: "over" }, on: { PAY: "paid" } },
    paid: { type: "final" },
    over: { type: "final" },
  },
});

Deno.test("a process of thirty days is over as soon as its steps are", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(trial, { version: "1" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  await kit.actors.start({ machine: "trial", id: "t" });
  assertEquals((await kit.advance(14 * DAY_MS - 60_000)).turns, 0);
  assertEquals((await kit.advance(60_000)).turns, 1);
  assertEquals((await kit.actors.get(null, "t")).state, "reminded");
  await kit.advance(16 * DAY_MS);
  const { state, version } = await kit.actors.get(null, "t");
  assertEquals([state, version], ["over", 3]);
});

/** Three steps of work, each with an effect of its own in the database. */
function works() {
  const step = (key: string, next: string) => ({
    invoke: { src: "work" as const, id: key, input: key, onDone: next },
  });
  const machine = setup({
    actors: {
      work: fromPromise<string, string>(async ({ input, self }) => {
        const { transaction } = activityContext(self);
        return await transaction(async (sql) => {
          await sql`insert into effect values (${input})`;
          return input;
        });
      }),
      plain: fromPromise<null>(() => Promise.resolve(null)),
    },
  }).createMachine({
    id: "works",
    initial: "one",
    states: {
      one: step("one", "two"),
      two: step("two", "three"),
      three: { invoke: { src: "plain", id: "three", onDone: "over" } },
      over: { type: "final" },
    },
  });
  return defineMachine(machine, { version: "1" });
}

for (const point of ["before-commit", "after-commit", "mid-activity"] as CrashPoint[]) {
  Deno.test(`a crash ${point} changes neither the path nor the effects`, async () => {
    await using db = await testDatabase();
    await db.sql`create table effect (key text)`;
    await using kit = await createTestKit({ databaseUrl: db.url, machines: [works()] });
    await kit.actors.start({ machine: "works", id: "w" });
    kit.crashAt(point);
    await kit.untilIdle();
    kit.crashAt(point);
    await kit.untilIdle();
    assertEquals((await kit.actors.get(null, "w")).status, "done");
    const past = await kit.actors.history(null, "w", 0, 10);
    assertEquals(past.map(({ event, to }) => `${event} ${to}`), [
      "START one",
      "xstate.done.actor.one two",
      "xstate.done.actor.two three",
      "xstate.done.actor.three over",
    ]);
    assertEquals((await db.sql`select key from effect order by key`).map(({ key }) => key), [
      "one",
      "two",
    ]);
  });
}

Deno.test("a start that crashes before its commit has not been; after it, it has", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(trial, { version: "1" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  const start = () => kit.actors.start({ machine: "trial", id: "t" });
  kit.crashAt("before-commit");
  await assertRejects(start, CrashError);
  kit.crashAt("after-commit");
  await assertRejects(start, CrashError);
  const { created, actor } = await start();
  assert(!created);
  assertEquals(actor.version, 1);
});
