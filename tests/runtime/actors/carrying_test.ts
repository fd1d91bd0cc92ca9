/** What a step asks for is carried out as a whole or not at all, whatever its values are. */
import { assertEquals } from "@std/assert";
import { assign, createActor, fromPromise, raise, sendTo, setup } from "xstate";
import { z } from "zod";
import { defineMachine, type MigrationDraft } from "perdura";
import { createTestKit, type TestKit } from "perdura/testing";
import { limits } from "../../../src/core/limits.ts";
import { eventually } from "../../support/build.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";

const ear = setup({ types: {} as { context: { heard: number } } }).createMachine({
  id: "ear",
  context: { heard: 0 },
  on: { HELLO: { actions: assign({ heard: ({ context }) => context.heard + 1 }) } },
});

async function withKit(
  machine: Parameters<typeof defineMachine>[0],
  test: (kit: TestKit, db: TestDatabase) => Promise<void>,
  options: Omit<Parameters<typeof defineMachine>[1], "version"> = {},
): Promise<void> {
  await using db = await testDatabase();
  const machines = [defineMachine(machine, { version: "1", ...options })];
  await using kit = await createTestKit({ databaseUrl: db.url, machines });
  await test(kit, db);
}

Deno.test("an outbox action is told of an actor in the context by its address", async () => {
  const told: unknown[] = [];
  const holder = setup({
    types: {} as { context: { ear: unknown } },
    actors: { ear },
    actions: { tell: ({ context }) => void told.push(Object(context.ear).address) },
  }).createMachine({
    id: "holder",
    context: ({ spawn }) => ({ ear: spawn("ear", { id: "ear" }) }),
    on: { GO: { actions: "tell" } },
  });
  await withKit(holder, async (kit) => {
    await kit.actors.start({ machine: "holder", id: "h" });
    await kit.untilIdle();
    await kit.actors.send("h", { type: "GO" });
    await kit.untilIdle();
    assertEquals(told, ["h/ear"]);
  });
});

Deno.test("a named action is shown the event and the context of its place, as by XState", async () => {
  const told: string[] = [];
  const ladder = setup({
    types: {} as { context: { n: number }; events: { type: "GO" } | { type: "ON"; by: number } },
    actions: {
      tell: ({ context, event }) => void told.push(`${event.type} ${context.n}`),
      rise: assign({ n: ({ context }) => context.n + 1 }),
    },
  }).createMachine({
    id: "ladder",
    context: { n: 0 },
    entry: ["tell", "rise", "tell"],
    on: {
      GO: { actions: ["rise", "tell", raise({ type: "ON", by: 2 }), "rise"] },
      ON: {
        actions: ["tell", assign({ n: ({ context, event }) => context.n + event.by }), "tell"],
      },
    },
  });
  createActor(ladder).start().send({ type: "GO" });
  const live = told.splice(0).toSorted();
  for (const mode of ["outbox", "transactional"] as const) {
    await withKit(ladder, async (kit) => {
      await kit.actors.start({ machine: "ladder", id: "l" });
      await kit.actors.send("l", { type: "GO" });
      await kit.untilIdle();
    }, { actions: { tell: mode } });
    assertEquals(told.splice(0).toSorted(), live, mode);
  }
});

Deno.test("an activity may get actors and give them back; they can be sent to as before", async () => {
  const choose = fromPromise<unknown, { ears: readonly unknown[] }>(({ input }) =>
    Promise.resolve(input.ears[0])
  );
  const holder = setup({
    types: {} as { context: { ears: readonly unknown[] } },
    actors: { ear, choose },
  }).createMachine({
    id: "chooser",
    context: ({ spawn }) => ({
      ears: [spawn("ear", { id: "left" }), spawn("ear", { id: "right" })],
    }),
    initial: "choosing",
    states: {
      choosing: {
        invoke: {
          src: "choose",
          input: ({ context }) => context,
          onDone: {
            target: "chosen",
            actions: sendTo(({ event }) => Object(event.output), { type: "HELLO" }),
          },
        },
      },
      chosen: {},
    },
  });
  await withKit(holder, async (kit) => {
    await kit.actors.start({ machine: "chooser", id: "c" });
    await kit.untilIdle();
    const state = (await kit.actors.get(null, "c")).state;
    const heard = Object((await kit.actors.get(null, "c/left")).context).heard;
    assertEquals([state, heard], ["chosen", 1]);
  });
});

Deno.test("of a step that asks for too large a job nothing is carried out", async () => {
  const speaker = setup({
    types: {} as { context: { size: number }; events: { type: "GO" } | { type: "LESS" } },
    actors: { ear, work: fromPromise<null, string>(() => Promise.resolve(null)) },
  }).createMachine({
    id: "speaker",
    context: { size: limits.payloadBytesMax },
    invoke: { src: "ear", id: "ear" },
    initial: "idle",
    states: {
      idle: {
        on: {
          LESS: { actions: assign({ size: 1 }) },
          GO: { target: "at", actions: sendTo("ear", { type: "HELLO" }) },
        },
      },
      at: { invoke: { src: "work", input: ({ context }) => "x".repeat(context.size) } },
    },
  });
  await withKit(speaker, async (kit) => {
    const heard = async () => Object((await kit.actors.get(null, "s/ear")).context).heard;
    await kit.actors.start({ machine: "speaker", id: "s" });
    await kit.untilIdle();
    await kit.actors.post("s", { type: "GO" });
    await kit.untilIdle();
    const { status, error } = await kit.actors.get(null, "s");
    assertEquals([status, Object(error).code, await heard()], ["stalled", "payload_too_large", 0]);
  });
});

Deno.test("what was done is undone, however much is known of it together", async () => {
  const undone: number[] = [];
  const large = "x".repeat(limits.payloadBytesMax * 0.6);
  const pack = fromPromise<string>(() => Promise.resolve(large));
  const trip = setup({
    types: {} as { events: { type: "CANCEL" } },
    actors: {
      pack,
      unpack: fromPromise<null, { output: string }>(({ input }) => {
        undone.push(input.output.length);
        return Promise.resolve(null);
      }),
    },
  }).createMachine({
    id: "packing",
    initial: "first",
    states: {
      first: { invoke: { src: "pack", id: "first", onDone: "second" } },
      second: { invoke: { src: "pack", id: "second", onDone: "packed" } },
      packed: {},
    },
  });
  await withKit(trip, async (kit, db) => {
    await kit.actors.start({ machine: "packing", id: "p" });
    await kit.untilIdle();
    assertEquals((await kit.actors.get(null, "p")).state, "packed");
    assertEquals((await kit.actors.cancel("p", "rain")).status, "cancelled");
    await eventually("it is undone", async () => {
      await kit.untilIdle();
      const rows = await db
        .sql`select from perdura.job_archive where type = 'packing:compensation'`;
      return rows.length === 1;
    });
    assertEquals(undone, [large.length, large.length]);
  }, { actors: { pack: { compensate: "unpack" } } });
});

Deno.test("an upgrade that throws, or gives what cannot be stored, blocks its actor and no other", async () => {
  await using db = await testDatabase();
  const chart = (id: string, event: string) =>
    setup({}).createMachine({ id, initial: "on", states: { on: { on: { [event]: {} } } } });
  const first = ["clock", "shelf"].map((id) => defineMachine(chart(id, "TICK"), { version: "1" }));
  const list = defineMachine(ear, { version: "1" });
  {
    await using kit = await createTestKit({ databaseUrl: db.url, machines: [...first, list] });
    for (const machine of ["clock", "shelf", "ear"]) {
      await kit.actors.start({ machine, id: machine });
    }
  }
  const clock = {
    definition: defineMachine(chart("clock", "TOCK"), { version: "2" }),
    migrations: [{
      from: "1",
      to: "2",
      migrate: (draft: MigrationDraft) => {
        const event = Object.assign(JSON.parse('{"type":"TOCK"}'), { at: 1n });
        return { ...draft, timers: { late: { delayMs: 1_000, event } } };
      },
    }],
  };
  const context = z.preprocess((value) => Object(value).books.length, z.number());
  const shelf = {
    definition: defineMachine(chart("shelf", "TOCK"), { version: "2", context }),
    adopts: true,
  };
  await using kit = await createTestKit({ databaseUrl: db.url, machines: [clock, shelf, list] });
  await kit.actors.post("clock", { type: "TOCK" });
  await kit.actors.post("shelf", { type: "TOCK" });
  await kit.actors.post("ear", { type: "HELLO" });
  await kit.untilIdle();
  const actors = await Promise.all(["clock", "shelf", "ear"].map((id) => kit.actors.get(null, id)));
  assertEquals(actors.map(({ status, error }) => [status, Object(error).code]), [
    ["blocked", "migration"],
    ["blocked", "migration"],
    ["active", undefined],
  ]);
  assertEquals(actors[2]?.context, { heard: 1 });
});
