/** The test kit: a month in moments, and crashes where they hurt. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { assign, fromPromise, sendTo, setup } from "xstate";
import { z } from "zod";
import {
  activityContext,
  defineHandler,
  defineMachine,
  InvalidInputError,
  type TransactionSql,
} from "perdura";
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

/** Counts its events, and what its action has written of them. */
const tills = defineMachine(
  setup({
    types: {} as { context: { count: number } },
    actions: { book: () => {} },
  }).createMachine({
    id: "till",
    context: { count: 0 },
    on: { BOOK: { actions: [assign({ count: ({ context }) => context.count + 1 }), "book"] } },
  }),
  {
    version: "1",
    actions: {
      book: {
        mode: "transactional",
        run: async ({ address, sql }) => {
          const send: TransactionSql = Object(sql);
          await send`insert into effect values (${address})`;
        },
      },
    },
  },
);

for (const point of ["before-commit", "after-commit"] as CrashPoint[]) {
  Deno.test(`a crash ${point} of a turn with a transaction is no fault of its actor`, async () => {
    await using db = await testDatabase();
    await db.sql`create table effect (key text)`;
    await using kit = await createTestKit({ databaseUrl: db.url, machines: [tills] });
    const { actors } = kit;
    await actors.start({ machine: "till", id: "t" });
    for (let n = 0; n < 2; n++) await actors.post("t", { type: "BOOK" });
    kit.crashAt(point);
    await kit.untilIdle();
    kit.crashAt(point);
    await assertRejects(() => actors.send("t", { type: "BOOK" }), CrashError);
    await actors.send("t", { type: "BOOK" });
    const count = point === "before-commit" ? 3 : 4;
    const { status, context } = await actors.get(null, "t");
    assertEquals([status, context], ["active", { count }]);
    assertEquals((await db.sql`select key from effect`).length, count);
    const past = await actors.history(null, "t", 0, 10);
    assertEquals(past.map(({ event }) => event), ["START", ...Array(count).fill("BOOK")]);
  });
}

Deno.test("an event that is waited for and crashes is not sent once more by itself", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(trial, { version: "1", unhandled: "record" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  await kit.actors.start({ machine: "trial", id: "t" });
  for (const [point, version] of [["before-commit", 1], ["after-commit", 2]] as const) {
    kit.crashAt(point);
    await assertRejects(() => kit.actors.send("t", { type: "NOTHING" }), CrashError);
    await kit.untilIdle();
    assertEquals((await kit.actors.get(null, "t")).version, version);
  }
});

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

Deno.test("the kit goes by what a runtime goes by: schedules, keys, and no option that is misspelt", async () => {
  await using db = await testDatabase();
  const note = defineHandler({ type: "note", input: z.strictObject({}), handle: () => "noted" });
  const options = { databaseUrl: db.url, handlers: [note] };
  const misspelt = { ...options, maxAttemps: 5 };
  await assertRejects(() => createTestKit(misspelt), InvalidInputError, "maxAttempts");
  const payloadKeys = `k:${btoa("k".repeat(32))}`;
  const schedules = { yearly: { cron: "0 0 1 1 *", type: "note" } };
  await using kit = await createTestKit({ ...options, payloadKeys, schedules });
  assertEquals((await kit.runtime.schedules.get("yearly")).id, "yearly");
  await kit.runtime.enqueue(note, {}, { delayMs: 60_000 });
  const [stored] = await db.sql`select * from perdura.job`;
  assert(JSON.stringify(stored).includes("$encrypted"), "what only the key opens");
});

Deno.test("jobs of a handler with limits are done by untilIdle, as many as its limits let through", async () => {
  await using db = await testDatabase();
  const rare = defineHandler({
    ...{ type: "rare", input: z.strictObject({}), handle: () => "done" },
    limits: { ratePerMinute: 2 },
  });
  await using kit = await createTestKit({ databaseUrl: db.url, handlers: [rare] });
  await kit.runtime.enqueueMany(rare, [{}, {}, {}]);
  assertEquals((await kit.untilIdle()).ran, 2);
  assertEquals((await kit.advance(30_000)).ran, 0);
  assertEquals((await kit.advance(31_000)).ran, 1);
});

Deno.test("what advance lets pass has passed for tokens and for windows of keys", async () => {
  await using db = await testDatabase();
  const post = defineHandler({
    ...{ type: "post", input: z.strictObject({}), handle: () => "sent" },
    limits: { ratePerMinute: 1, burst: 2 },
  });
  await using kit = await createTestKit({ databaseUrl: db.url, handlers: [post] });
  await kit.runtime.enqueueMany(post, [{}, {}, {}]);
  assertEquals((await kit.untilIdle()).ran, 2);
  assertEquals((await kit.advance(30_000)).ran, 0);
  assertEquals((await kit.advance(31_000)).ran, 1);
  const once = { unique: { key: "k", scope: "window", windowMs: 60_000 } } as const;
  const first = await kit.runtime.enqueue(post, {}, once);
  await kit.advance(59_000);
  assertEquals((await kit.runtime.enqueue(post, {}, once)).id, first.id);
  await kit.advance(61_000);
  const next = await kit.runtime.enqueue(post, {}, once);
  assert(next.id !== first.id, "its window is over");
});

Deno.test("what has passed has passed for a branch too: a timer that it keeps is due when it was", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(trial, { version: "1" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  const { actors } = kit;
  await actors.start({ machine: "trial", id: "t" });
  await kit.advance(10 * DAY_MS);
  await actors.send("t", { type: "NOTHING" });
  await actors.fork("t", { at: 2, name: "f", timers: "keep" });
  await actors.fork("t", { at: 2, name: "again" });
  await kit.advance(4 * DAY_MS - 60_000);
  assertEquals((await actors.get(null, "f")).state, "trying");
  await kit.advance(60_000);
  const states = ["t", "f", "again"].map(async (id) => (await actors.get(null, id)).state);
  assertEquals(await Promise.all(states), ["reminded", "reminded", "trying"]);
});

Deno.test("a branch sends nothing late that was there before it", async () => {
  await using db = await testDatabase();
  const child = setup({}).createMachine({ id: "child", on: { PING: {} } });
  const parent = setup({ actors: { child } }).createMachine({
    id: "parent",
    invoke: { src: "child", id: "child" },
    on: { GO: { actions: sendTo("child", { type: "PING" }, { delay: 2 * DAY_MS }) } },
  });
  const machines = [defineMachine(parent, { version: "1" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  const { actors } = kit;
  const pings = async (id: string) => {
    const past = await actors.history(null, `${id}/child`, 0, 10);
    return past.filter(({ event }) => event === "PING").length;
  };
  await actors.start({ machine: "parent", id: "p", event: { type: "GO" } });
  await kit.advance(DAY_MS);
  await actors.send("p", { type: "NOTHING" });
  await kit.advance(DAY_MS);
  await actors.send("p", { type: "NOTHING" });
  await actors.fork("p", { at: 3, name: "before", timers: "keep" });
  await actors.fork("p", { at: 4, name: "after", timers: "keep" });
  await kit.advance(DAY_MS);
  assertEquals([await pings("p"), await pings("before"), await pings("after")], [1, 1, 0]);
});

Deno.test("mail that waits is read before a timer that comes due after it", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(trial, { version: "1" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  await kit.actors.start({ machine: "trial", id: "t" });
  await kit.actors.post("t", { type: "PAY" });
  await kit.advance(20 * DAY_MS);
  const past = await kit.actors.history(null, "t", 0, 10);
  const inTurn = past.map(({ event, to }) => `${event} ${to}`);
  assertEquals(inTurn.slice(0, 2), ["START trying", "PAY paid"]);
});
