/** A turn that cannot be committed stalls its actor at the letter that is to blame, and at no other. */
import { assertEquals, assertRejects } from "@std/assert";
import { assign, setup } from "xstate";
import { createRuntime, defineMachine, type TransactionSql } from "perdura";
import { InvalidInputError } from "../../../src/core/errors.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";

/** Writes a row for every event, and has written it where the row is there. */
function writers(unhandled: "record" | "defer") {
  const machine = setup({
    types: {} as {
      context: { log: string[] };
      events: { type: "WRITE" | "OPEN" | "NOTE"; key: string };
    },
    actions: {
      note: assign({ log: ({ context, event }) => [...context.log, event.key] }),
      write: (_, _params: { key: string }) => {},
    },
  }).createMachine({
    id: "writer",
    context: { log: [] },
    initial: unhandled === "defer" ? "closed" : "open",
    states: {
      closed: { on: { OPEN: { target: "open", actions: "note" }, NOTE: { actions: "note" } } },
      open: {
        on: {
          NOTE: { actions: "note" },
          WRITE: {
            actions: ["note", { type: "write", params: ({ event }) => ({ key: event.key }) }],
          },
        },
      },
    },
  });
  return defineMachine(machine, {
    version: "1",
    unhandled,
    actions: {
      write: {
        mode: "transactional",
        run: async ({ params, sql }) => {
          const { key } = Object(params);
          const send: TransactionSql = Object(sql);
          await send`insert into ledger values (${key})`;
          if (String(key).startsWith("bad")) throw new Error(`No ${key}`);
        },
      },
    },
  });
}

async function open(db: TestDatabase, unhandled: "record" | "defer" = "record") {
  await db.sql`create table ledger (key text)`;
  const runtime = await createRuntime({ databaseUrl: db.url, machines: [writers(unhandled)] });
  const { actors } = runtime;
  await actors.start({ machine: "writer", id: "w" });
  return {
    actors,
    drive: () => runtime.drive({ budgetMs: 20_000 }),
    look: async () => {
      const { status, context, error } = await actors.get(null, "w");
      const { code, event, message } = Object(error);
      const rows = await db.sql`select key from ledger order by key`;
      return {
        status,
        log: Object(context).log.join(" "),
        rows: rows.map(({ key }) => key).join(" "),
        ...error !== null && { fault: [code, event, message] },
      };
    },
    [Symbol.asyncDispose]: () => runtime.close(),
  };
}

Deno.test("what was read before an action that throws is committed, and skipping leads on", async () => {
  await using db = await testDatabase();
  await using world = await open(db);
  const { actors } = world;
  const ids: string[] = [];
  for (const key of ["a", "bad", "b", "bad too", "c"]) {
    ids.push(await actors.post("w", { type: "WRITE", key }));
  }
  await world.drive();
  const fault = (message: string) => ["threw", "WRITE", message];
  assertEquals(await world.look(), {
    ...{ status: "stalled", log: "a", rows: "a", fault: fault("No bad") },
  });
  assertEquals(Object((await actors.get(null, "w")).error).mailId, ids[1]);
  await actors.resume("w", { skip: true });
  await world.drive();
  assertEquals(await world.look(), {
    ...{ status: "stalled", log: "a b", rows: "a b", fault: fault("No bad too") },
  });
  await actors.resume("w", { skip: true });
  await world.drive();
  assertEquals(await world.look(), { status: "active", log: "a b c", rows: "a b c" });
});

Deno.test("a letter alone stalls its actor at once, and can be skipped, also if it was waited for", async () => {
  await using db = await testDatabase();
  await using world = await open(db);
  const { actors } = world;
  await actors.post("w", { type: "WRITE", key: "bad" });
  await world.drive();
  const fault = ["threw", "WRITE", "No bad"];
  assertEquals(await world.look(), { status: "stalled", log: "", rows: "", fault });
  await actors.resume("w", { skip: true });
  // The letter before it is read in the turn of the one that is waited for.
  await actors.post("w", { type: "WRITE", key: "a" });
  const { outcome, reason } = await actors.send("w", { type: "WRITE", key: "bad" });
  assertEquals([outcome, reason], ["deferred", "stalled"]);
  assertEquals(await world.look(), { status: "stalled", log: "a", rows: "a", fault });
  await actors.resume("w", { skip: true });
  await actors.send("w", { type: "WRITE", key: "b" });
  assertEquals(await world.look(), { status: "active", log: "a b", rows: "a b" });
});

Deno.test("what was put off stalls its actor when it is read, not the letter that let it in", async () => {
  await using db = await testDatabase();
  await using world = await open(db, "defer");
  const { actors } = world;
  for (const key of ["a", "bad", "b"]) await actors.send("w", { type: "WRITE", key });
  await actors.post("w", { type: "OPEN", key: "open" });
  await actors.post("w", { type: "NOTE", key: "note" });
  await world.drive();
  const fault = ["threw", "WRITE", "No bad"];
  assertEquals(await world.look(), { status: "stalled", log: "open a", rows: "a", fault });
  await actors.resume("w", { skip: true });
  await world.drive();
  assertEquals(await world.look(), { status: "active", log: "open a b note", rows: "a b" });
});

async function refuseBadNotes(db: TestDatabase): Promise<void> {
  await db.sql`
    do $$ declare t record; begin
      for t in select inhrelid::regclass as name from pg_inherits
                where inhparent = 'perdura.actor_step'::regclass loop
        execute format('alter table %s add constraint refuse check (
          event <> ''NOTE'' or body::text not like ''%%bad%%'') not valid', t.name);
      end loop; end $$`;
}

Deno.test("PostgreSQL refuses one letter: those before it are committed, and it can be skipped", async () => {
  await using db = await testDatabase();
  await using world = await open(db);
  const { actors } = world;
  await refuseBadNotes(db);
  for (const key of ["a", "bad", "b"]) await actors.post("w", { type: "NOTE", key });
  await world.drive();
  const { fault, ...rest } = await world.look();
  assertEquals(fault?.slice(0, 2), ["refused_by_database", "NOTE"]);
  assertEquals(rest, { status: "stalled", log: "a", rows: "" });
  await actors.resume("w", { skip: true });
  // Its neighbours of the statement are spared for seconds still: not by who steps it at once.
  await actors.send("w", { type: "NOTE", key: "c" });
  assertEquals(await world.look(), { status: "active", log: "a b c", rows: "" });
});

Deno.test("who waits for an event is not told of a letter before it that PostgreSQL refuses", async () => {
  await using db = await testDatabase();
  await using world = await open(db);
  const { actors } = world;
  await refuseBadNotes(db);
  for (const key of ["a", "bad"]) await actors.post("w", { type: "NOTE", key });
  const { outcome, reason } = await actors.send("w", { type: "NOTE", key: "b" });
  assertEquals([outcome, reason], ["deferred", "stalled"]);
  const { fault, ...rest } = await world.look();
  assertEquals(fault?.slice(0, 2), ["refused_by_database", "NOTE"]);
  assertEquals(rest, { status: "stalled", log: "a", rows: "" });
  await actors.resume("w", { skip: true });
  await world.drive();
  assertEquals(await world.look(), { status: "active", log: "a b", rows: "" });
  // Alone it is the event that is to blame: nothing of it is kept.
  await assertRejects(() => actors.send("w", { type: "NOTE", key: "bad" }), InvalidInputError);
  assertEquals(await world.look(), { status: "active", log: "a b", rows: "" });
});

/** What an author's code may throw: PostgreSQL stores neither NUL nor half of a pair, which a cut may leave. */
const HOSTILE = { "NUL": "a\0b", "half of a pair": `${"x".repeat(1_999)}😀` };

for (const [what, message] of Object.entries(HOSTILE)) {
  for (const action of ["write", "count"] as const) {
    Deno.test(`an action that throws ${what} in a ${action} stalls its actor, which goes on after the repair`, async () => {
      await using db = await testDatabase();
      let isBroken = true;
      const fail = () => {
        if (isBroken) throw new Error(message);
      };
      const count = () => {
        fail();
        return {};
      };
      const machine = setup({
        actions: { write: () => {}, count: assign(count) },
      }).createMachine({
        id: "m",
        on: { GO: { actions: action } },
      });
      const actions = { write: { mode: "transactional", run: fail } } as const;
      const machines = [defineMachine(machine, { version: "1", actions })];
      await using runtime = await createRuntime({ databaseUrl: db.url, machines });
      const { actors } = runtime;
      await actors.start({ machine: "m", id: "a" });
      await actors.post("a", { type: "GO" });
      await actors.post("a", { type: "GO" });
      await runtime.drive({ budgetMs: 20_000 });
      const { status, error } = await actors.get(null, "a");
      assertEquals([status, Object(error).code], ["stalled", "threw"]);
      // As an earlier program may have left it.
      await db.sql`update perdura.actor set fault = '{"message":"\\u0000\\ud83d"}'`;
      isBroken = false;
      await actors.resume("a");
      await runtime.drive({ budgetMs: 20_000 });
      const { status: after, version } = await actors.get(null, "a");
      assertEquals([after, version], ["active", 5]);
    });
  }
}
