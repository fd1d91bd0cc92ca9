/** One turn of a child may be of two charts: that of the child that was stopped, and that of the one its parent starts now. */
import { assertEquals } from "@std/assert";
import { sendTo, setup } from "xstate";
import { type ActionOptions, defineMachine, type TransactionSql } from "perdura";
import { createTestKit } from "perdura/testing";
import { testDatabase } from "../../support/database.ts";

/** What a kid writes, in the turn that reads the event. */
const note: ActionOptions = {
  mode: "transactional",
  run: async ({ params, sql }) => {
    const write: TransactionSql = Object(sql);
    await write`insert into note (text) values (${Object(params).text})`;
  },
};

/** Takes an event of its name, and notes its name when it hears that it is over. */
function kid(name: string) {
  return setup({ actions: { note: (_, _params: { text: string }) => {} } }).createMachine({
    id: name,
    on: {
      [name]: { actions: () => {} },
      LAST: { actions: { type: "note", params: { text: name } } },
    },
  });
}

Deno.test("what a child writes in the turn that also stops it, and starts another, is written", async () => {
  await using db = await testDatabase();
  await db.sql`create table note (text text)`;
  const machine = setup({ actors: { one: kid("one"), two: kid("two") } }).createMachine({
    id: "parent",
    initial: "first",
    states: {
      first: {
        invoke: { src: "one", id: "kid" },
        exit: sendTo("kid", { type: "LAST" }),
        on: { NEXT: "second" },
      },
      second: { invoke: { src: "two", id: "kid" } },
    },
  });
  const children = { one: { actions: { note } } };
  const machines = [defineMachine(machine, { version: "1", children })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  await kit.actors.start({ machine: "parent", id: "p" });
  await kit.untilIdle();
  await kit.actors.send("p", { type: "NEXT" });
  await kit.untilIdle();
  const past = await kit.actors.history(null, "p/kid", 0, 20);
  assertEquals(past.map(({ event }) => event), ["START", "LAST", "STOP", "START"]);
  assertEquals([...await db.sql`select text from note`], [{ text: "one" }]);
});

Deno.test("an event is judged by the chart that the child has when it is read", async () => {
  await using db = await testDatabase();
  const machine = setup({ actors: { one: kid("one"), two: kid("two") } }).createMachine({
    id: "parent",
    initial: "first",
    states: {
      first: { invoke: { src: "one", id: "kid" }, on: { NEXT: "second" } },
      second: { invoke: { src: "two", id: "kid" } },
    },
  });
  const machines = [defineMachine(machine, { version: "1", unhandled: "reject" })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  await kit.actors.start({ machine: "parent", id: "p" });
  await kit.untilIdle();
  // Its stop and its start are in its mailbox, and are read with what is sent now.
  await kit.actors.send("p", { type: "NEXT" });
  const { outcome, actor } = await kit.actors.send("p/kid", { type: "two" });
  assertEquals([outcome, actor.machine], ["handled", "parent/two"]);
});

Deno.test("a child that stalls as it is started again is still what it was before", async () => {
  await using db = await testDatabase();
  let isRefused = true;
  const version = (version: string, src: string) => {
    const begun = setup({ actions: { begin: () => {} } }).createMachine({
      id: src,
      initial: src,
      states: { [src]: { entry: "begin" } },
    });
    const machine = setup({ actors: { kid: begun } }).createMachine({
      id: "parent",
      initial: "on",
      states: {
        on: { invoke: { src: "kid", id: "kid" }, on: { OFF: "off" } },
        off: { on: { ON: "on" } },
      },
    });
    const run = () => {
      if (version === "2" && isRefused) throw new Error("refused");
    };
    const begin: ActionOptions = { mode: "transactional", run };
    return defineMachine(machine, { version, children: { kid: { actions: { begin } } } });
  };
  {
    await using kit = await createTestKit({ databaseUrl: db.url, machines: [version("1", "one")] });
    await kit.actors.start({ machine: "parent", id: "p" });
    await kit.untilIdle();
    await kit.actors.send("p", { type: "OFF" });
    await kit.untilIdle();
  }
  const machines = [{ definition: version("2", "two"), adopts: true }];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  await kit.actors.post("p", { type: "NOTHING" });
  await kit.untilIdle();
  await kit.actors.send("p", { type: "ON" });
  await kit.untilIdle();
  const stalled = await kit.actors.get(null, "p/kid");
  assertEquals([stalled.status, stalled.state, stalled.machineVersion], ["stalled", "one", "1"]);
  isRefused = false;
  await kit.actors.resume("p/kid");
  await kit.untilIdle();
  const { status, state, machineVersion } = await kit.actors.get(null, "p/kid");
  assertEquals([status, state, machineVersion], ["active", "two", "2"]);
});
