/** Events and starts from SQL: they commit with the caller's own writes, and come through every check. */
import { assertEquals } from "@std/assert";
import { assign, setup } from "xstate";
import { z } from "zod";
import { createRuntime, defineMachine } from "perdura";
import { rootAddress } from "../../../src/core/actor/address.ts";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";

const counter = setup({
  types: {} as {
    context: { n: number };
    input: { from: number };
    events: { type: "ADD"; by: number };
  },
}).createMachine({
  id: "counter",
  context: ({ input }) => ({ n: input.from }),
  on: { ADD: { actions: assign({ n: ({ context, event }) => context.n + event.by }) } },
});
const counters = defineMachine(counter, {
  version: "1",
  input: z.strictObject({ from: z.number() }),
  events: z.strictObject({ type: z.literal("ADD"), by: z.number() }),
});

const BY = { tenantId: null, ifVersion: null, cause: "test" };

Deno.test("perdura.send and perdura.start_actor commit with the caller, or not at all", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [counters],
    pollMs: 50,
  });
  const { actors } = runtime;
  const start = (id: string) =>
    db.sql`
    select perdura.start_actor('counter', '{"from": 5}', jsonb_build_object('id', ${id}::text)) as id`;
  const [named] = await start("a/b %");
  const [free] = await db.sql`select perdura.start_actor('counter', '{"from": 7}') as id`;
  await db.sql.begin(async (sql) => {
    await sql`select perdura.start_actor('counter', '{"from": 1}', '{"id": "never"}')`;
    throw new Error("rolled back");
  }).catch(() => {});
  await start("a/b %");
  runtime.work();
  await eventually(
    "the starts",
    async () =>
      (await actors.list({ tenantId: "default", machine: null, status: null, state: null }, "", 10))
        .items.length === 2,
  );
  assertEquals([named?.id, (await actors.get(null, "a/b %")).context], ["a/b %", { n: 5 }]);
  assertEquals((await actors.get(null, String(free?.id))).context, { n: 7 });
  await db.sql.begin(async (sql) => {
    await sql`select perdura.send('a/b %', '{"type": "ADD", "by": 100}')`;
    throw new Error("rolled back");
  }).catch(() => {});
  await db.sql`select perdura.send('a/b %', '{"type": "ADD", "by": 2}')`;
  const at = async (version: number) => (await actors.get(null, "a/b %")).version >= version;
  await eventually("the event", () => at(2));
  assertEquals((await actors.get(null, "a/b %")).context, { n: 7 });
  // What no client may send is recorded, and does nothing; what is for nobody goes.
  for (const event of ['{"type": "xstate.done.actor.x"}', '{"type": "ADD"}', "7", '{"by": 1}']) {
    await db.sql`select perdura.send('a/b %', ${event}::text::jsonb)`;
  }
  await db.sql`select perdura.send('nobody', '{"type": "ADD", "by": 2}')`;
  await eventually("the bad events", () => at(6));
  const past = await actors.history(null, "a/b %", 2, 10);
  assertEquals(past.map(({ outcome, reason }) => [outcome, reason]), [
    ["unhandled", "invalid"],
    ["unhandled", "invalid"],
    ["unhandled", "invalid"],
    ["unhandled", "invalid"],
  ]);
  await eventually("an empty mailbox", async () => {
    const [left] = await db.sql`select count(*)::int as n from perdura.mailbox`;
    return left?.n === 0;
  });
});

Deno.test("what is sent in the transaction of the start is read, however late the start comes", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [counters] });
  await db.sql.begin(async (sql) => {
    await sql`select perdura.send('c/1', '{"type": "ADD", "by": 2}')`;
    await sql`select perdura.start_actor('counter', '{"from": 5}', '{"id": "c/1"}')`;
    await sql`select perdura.send('c/1', '{"type": "ADD", "by": 3}')`;
    await sql`select perdura.send('nobody', '{"type": "ADD", "by": 3}')`;
  });
  const name = { tenantId: "default", id: rootAddress("c/1") };
  // Somebody looks at the mail before the start has been made.
  assertEquals(await db.store.actors.drop([name, { tenantId: "default", id: "nobody" }]), 1);
  runtime.work();
  await eventually("both are read", async () => {
    const actor = await runtime.actors.get(null, "c/1").catch(() => null);
    return actor?.version === 3;
  });
  assertEquals((await runtime.actors.get(null, "c/1")).context, { n: 10 });
});

Deno.test("a start that cannot be is a dead letter with the reason", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [counters] });
  await db.sql`select perdura.start_actor('nobody')`;
  await db.sql`select perdura.start_actor('counter', '{"from": "x"}')`;
  await db.sql`select perdura.start_actor('counter', '{"from": 1}', '{"id": "twice"}')`;
  await db.sql`select perdura.start_actor('counter', '{"from": 2}', '{"id": "twice"}')`;
  for (const options of ['{"id": "x", "tenantID": "acme"}', '["x"]', '"x"']) {
    await db.sql`select perdura.start_actor('counter', '{"from": 2}', ${options}::text::jsonb)`;
  }
  for (const none of ["null", "{}", null]) {
    await db.sql`select perdura.start_actor('counter', '{"from": 2}', ${none}::text::jsonb)`;
  }
  await runtime.drive({ budgetMs: 20_000 });
  const dead = await db.sql`
    select type, last_error ->> 'code' as code, last_error ->> 'message' as message
      from perdura.dead_letter order by code, message`;
  assertEquals(dead.map(({ type, code }) => [type, code]), [
    ["perdura.start_actor", "idempotency_conflict"],
    ["perdura.start_actor", "invalid_input"],
    ["perdura.start_actor", "invalid_input"],
    ["perdura.start_actor", "invalid_input"],
    ["perdura.start_actor", "invalid_input"],
    ["perdura.start_actor", "unknown_machine"],
  ]);
  const [started] = await db.sql`select count(*)::int as n from perdura.actor`;
  assertEquals(started?.n, 4);
  assertEquals((await runtime.actors.get(null, "twice")).machine, "counter");
});

Deno.test("a start that is requeued is made, once its machine is there, or is a dead letter again", async () => {
  await using db = await testDatabase();
  const other = defineMachine(counter, { version: "1", name: "other" });
  {
    await using runtime = await createRuntime({ databaseUrl: db.url, machines: [other] });
    await db.sql`select perdura.start_actor('counter', '{"from": 5}', '{"id": "late"}')`;
    await db.sql`select perdura.start_actor('nobody', '{"from": 5}')`;
    await runtime.drive({ budgetMs: 20_000 });
  }
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [counters] });
  const dead = await db.sql`select id::text as id from perdura.dead_letter`;
  assertEquals(dead.length, 2);
  for (const { id } of dead) await runtime.jobs.send(id, { type: "REQUEUE" }, BY);
  runtime.work();
  const jobs = await eventually("both have ended", async () => {
    const jobs = await Promise.all(dead.map(({ id }) => runtime.jobs.get(null, id)));
    return jobs.every(({ state }) => ["succeeded", "dead_letter"].includes(state)) && jobs;
  });
  const told = jobs.map(({ state, output, lastError }) =>
    state === "succeeded" ? output : lastError?.code
  );
  assertEquals(new Set(told), new Set([{ id: "late" }, "unknown_machine"]));
  assertEquals((await runtime.actors.get(null, "late")).context, { n: 5 });
});
