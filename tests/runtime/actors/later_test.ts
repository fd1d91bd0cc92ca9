/** What an actor sends to others later: it comes while the actor is at it, and not from an earlier branch. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { assign, cancel, sendParent, sendTo, setup } from "xstate";
import { defineMachine, NotFoundError } from "perdura";
import { createTestKit, type TestKit } from "perdura/testing";
import { testDatabase } from "../../support/database.ts";

const ear = setup({ types: {} as { context: { heard: string[] } } }).createMachine({
  id: "ear",
  context: { heard: [] },
  on: {
    HELLO: {
      actions: assign({ heard: ({ context, event }) => [...context.heard, event.type] }),
    },
  },
});

/** Says hello in an hour, to somebody by name and to its parent, and is gone before. */
const talker = setup({}).createMachine({
  id: "talker",
  initial: "here",
  states: {
    here: {
      entry: [
        sendTo(({ system }) => system.get("ear"), { type: "HELLO" }, { delay: 3_600_000 }),
        sendParent({ type: "HELLO" }, { delay: 3_600_000 }),
      ],
      after: { 60_000: "gone" },
    },
    gone: { type: "final" },
  },
});

const caller = setup({}).createMachine({
  id: "caller",
  entry: sendTo(({ system }) => system.get("ear"), { type: "HELLO" }, { delay: 3_600_000 }),
});

const room = setup({
  types: {} as { context: { heard: number } },
  actors: { ear, talker },
}).createMachine({
  id: "room",
  context: { heard: 0 },
  invoke: { src: "ear", id: "ear", systemId: "ear" },
  on: { HELLO: { actions: assign({ heard: ({ context }) => context.heard + 1 }) } },
  initial: "quiet",
  states: {
    quiet: { on: { TALK: "talking", CALL: "calling" } },
    talking: { invoke: { src: "talker", id: "talker" } },
    calling: {
      entry: sendTo("ear", { type: "HELLO" }, { delay: 60_000, id: "call" }),
      on: { HANG: "hung" },
    },
    hung: { entry: cancel("call") },
  },
});

async function withRoom(test: (kit: TestKit, sql: Sql) => Promise<void>): Promise<void> {
  await using db = await testDatabase();
  const machines = [defineMachine(room, { version: "1" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  await kit.actors.start({ machine: "room", id: "r" });
  await kit.untilIdle();
  await test(kit, db.sql);
}

type Sql = Awaited<ReturnType<typeof testDatabase>>["sql"];

async function heard({ actors }: TestKit, id: string): Promise<unknown> {
  return Object((await actors.get(null, id)).context).heard;
}

Deno.test("who has ended says nothing any more, as in XState", () =>
  withRoom(async (kit) => {
    await kit.actors.send("r", { type: "TALK" });
    await kit.untilIdle();
    await kit.advance(60_000);
    assertEquals((await kit.actors.get(null, "r/talker")).status, "done");
    await kit.advance(7_200_000);
    assertEquals([await heard(kit, "r"), await heard(kit, "r/ear")], [0, []]);
  }));

Deno.test("nor does who was stopped, cancelled or terminated", () =>
  withRoom(async (kit, sql) => {
    await kit.actors.send("r", { type: "TALK" });
    await kit.untilIdle();
    await kit.actors.terminate("r/talker", "enough");
    const rows =
      await sql`select count(*)::int as n from perdura.mailbox where timer_id is not null`;
    assertEquals(rows[0]?.n, 0);
  }));

const pair = setup({ actors: { ear, caller } }).createMachine({
  id: "pair",
  initial: "on",
  states: {
    on: {
      invoke: [{ src: "ear", id: "ear", systemId: "ear" }, { src: "caller", id: "caller" }],
      on: { OFF: "off" },
    },
    off: { on: { ON: "on" } },
  },
});

Deno.test("nor does who ends in one turn with the one it would have spoken to", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(pair, { version: "1" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  await kit.actors.start({ machine: "pair", id: "p" });
  await kit.untilIdle();
  await kit.actors.send("p", { type: "OFF" });
  await kit.untilIdle();
  const [left] = await db.sql`select count(*)::int as n from perdura.mailbox`;
  assertEquals(left?.n, 0);
});

Deno.test("a rewind leaves what the old branch would have said, and says again what waited", () =>
  withRoom(async (kit) => {
    await kit.actors.send("r", { type: "CALL" });
    await kit.actors.rewind("r", { at: 1 });
    await kit.advance(120_000);
    assertEquals(await heard(kit, "r/ear"), []);
    const past = await kit.actors.history(null, "r/ear", 0, 100);
    assertEquals(past.map(({ event }) => event), ["START", "STOP", "START"]);
    await kit.actors.send("r", { type: "CALL" });
    await kit.actors.send("r", { type: "HANG" });
    // When it was calling: the call goes to the ear that is there now.
    await kit.actors.rewind("r", { at: 4, timers: "keep" });
    await kit.advance(30_000);
    assertEquals(await heard(kit, "r/ear"), []);
    await kit.advance(31_000);
    assertEquals(await heard(kit, "r/ear"), ["HELLO"]);
  }));

Deno.test("a fork says it to its own", () =>
  withRoom(async (kit) => {
    await kit.actors.send("r", { type: "CALL" });
    await kit.actors.send("r", { type: "HANG" });
    await kit.actors.fork("r", { at: 2, name: "f" });
    await kit.advance(120_000);
    assertEquals([await heard(kit, "r/ear"), await heard(kit, "f/ear")], [[], ["HELLO"]]);
  }));

Deno.test("there is no branch where nobody knows any more how a child began", () =>
  withRoom(async (kit, sql) => {
    for (let n = 0; n < 110; n++) await kit.actors.send("r", { type: "HELLO" });
    await sql`delete from perdura.actor_step where version < 90`;
    for (const verb of ["fork", "rewind"] as const) {
      await assertRejects(() => kit.actors[verb]("r", { at: 105 }), NotFoundError, '"ear"');
    }
    const { version, children } = await kit.actors.get(null, "r");
    const [child] = Array.isArray(children) ? children : [];
    assertEquals([version, Object(child).status], [111, "active"]);
  }));

const nag = setup({}).createMachine({
  id: "nag",
  initial: "waiting",
  states: { waiting: { after: { 3_600_000: "over" } }, over: {} },
  on: { AGAIN: {} },
});

Deno.test("a timer that a rewind has kept was due when it was, at every moment since", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(nag, { version: "1" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  const dueAt = async (version?: number) => {
    const { timers } = await kit.actors.get(null, "n", version);
    const [timer] = Array.isArray(timers) ? timers : [];
    return Date.parse(Object(timer).dueAt);
  };
  await kit.actors.start({ machine: "nag", id: "n" });
  await db.sql`update perdura.actor_step set at = at - interval '30 minutes'`;
  await kit.actors.send("n", { type: "AGAIN" });
  await kit.actors.rewind("n", { at: 2, timers: "keep" });
  const due = await dueAt();
  await kit.actors.send("n", { type: "AGAIN" });
  assert(Math.abs(await dueAt(3) - due) < 60_000, "half an hour was gone by then");
  await kit.actors.rewind("n", { at: 4, timers: "keep" });
  assert(Math.abs(await dueAt() - due) < 60_000, "and is gone still");
});
