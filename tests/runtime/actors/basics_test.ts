/** Actors on a real database: start, events, activities, timers, children, one worker. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { assign, emit, fromPromise, sendParent, sendTo, setup } from "xstate";
import { z } from "zod";
import {
  createRuntime,
  defineMachine,
  IdempotencyConflictError,
  InvalidInputError,
  TransitionRejectedError,
  UnknownMachineError,
  VersionConflictError,
} from "perdura";
import { testDatabase } from "../../support/database.ts";

const toggle = setup({ types: {} as { context: { n: number }; events: { type: "FLIP" } } })
  .createMachine({
    id: "toggle",
    context: { n: 0 },
    initial: "off",
    states: {
      off: {
        on: { FLIP: { target: "on", actions: assign({ n: ({ context }) => context.n + 1 }) } },
      },
      on: { tags: ["lit"], on: { FLIP: "off" } },
    },
  });
const toggles = defineMachine(toggle, {
  version: "1",
  events: z.strictObject({ type: z.literal("FLIP") }),
});
const strict = defineMachine(toggle, { version: "1", name: "strict", unhandled: "reject" });

Deno.test("an actor is started once, stepped by events, and its past can be read", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [toggles, strict] });
  const { actors } = runtime;
  const { actor, created } = await actors.start({ machine: "toggle", id: "a", input: { x: 1 } });
  assertEquals([created, actor.state, actor.version, actor.accepts], [true, "off", 1, ["FLIP"]]);
  const again = await actors.start({ machine: "toggle", id: "a", input: { x: 1 } });
  assertEquals([again.created, again.actor.version], [false, 1]);
  await assertRejects(
    () => actors.start({ machine: "toggle", id: "a", input: { x: 2 } }),
    IdempotencyConflictError,
  );
  const { outcome, actor: after } = await actors.send("a", { type: "FLIP" });
  assertEquals([outcome, after.state, after.tags, after.version], ["handled", "on", ["lit"], 2]);
  assertEquals(after.context, { n: 1 });
  const past = await actors.history(null, "a", 0, 10);
  assertEquals(past.map(({ version, event, from, to }) => [version, event, from, to]), [
    [1, "START", null, "off"],
    [2, "FLIP", "off", "on"],
  ]);
  assertEquals(past[1]?.contextPatch, [{ op: "replace", path: "/n", value: 1 }]);
  assertEquals((await actors.get(null, "a", 1)).context, { n: 0 });
  const waited = await actors.wait(null, "a", { tag: "lit" }, { timeoutMs: 1 });
  assertEquals(waited?.version, 2);
});

Deno.test("bad input is refused, and nothing is stored", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [toggles, strict] });
  const { actors } = runtime;
  await assertRejects(() => actors.start({ machine: "nobody" }), UnknownMachineError);
  await assertRejects(() => actors.start({ machine: "toggle", id: "" }), InvalidInputError);
  await actors.start({ machine: "strict", id: "s" });
  await actors.start({ machine: "toggle", id: "t" });
  const refused = await assertRejects(
    () => actors.send("s", { type: "BREAK" }),
    TransitionRejectedError,
  );
  assertEquals(refused.members.accepts, ["FLIP"]);
  await assertRejects(
    () => actors.send("s", { type: "FLIP" }, { expectVersion: 7 }),
    VersionConflictError,
  );
  for (const event of [{ type: "xstate.done.actor.x" }, { type: "" }, {}, null, "FLIP"]) {
    await assertRejects(() => actors.send("t", event), InvalidInputError);
  }
  await assertRejects(() => actors.send("t", { type: "FLIP", extra: 1 }), InvalidInputError);
  assertEquals((await actors.get(null, "t")).version, 1);
  assertEquals((await actors.get(null, "s")).version, 1);
});

Deno.test("an event sent twice with one key is one event", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [toggles] });
  const { actors } = runtime;
  await actors.start({ machine: "toggle", id: "a" });
  const send = () => actors.send("a", { type: "FLIP" }, { key: "k" });
  const results = await Promise.all([send(), send(), send()]);
  assertEquals(results.map(({ outcome }) => outcome), ["handled", "handled", "handled"]);
  assertEquals((await send()).outcome, "handled");
  const { version, state } = await actors.get(null, "a");
  assertEquals([version, state], [2, "on"]);
});

const pay = setup({
  types: {} as { context: { sum: number; paid: string | null; why: string | null } },
  actors: {
    charge: fromPromise<string, number>(({ input }) => {
      if (input < 0) return Promise.reject(new Error("no money"));
      return Promise.resolve(`paid ${input}`);
    }),
  },
}).createMachine({
  id: "pay",
  context: ({ input }) => ({ sum: Number(Object(input).sum), paid: null, why: null }),
  initial: "charging",
  states: {
    charging: {
      invoke: {
        src: "charge",
        input: ({ context }) => context.sum,
        onDone: { target: "paid", actions: assign({ paid: ({ event }) => event.output }) },
        onError: {
          target: "failed",
          // The whole of it: what failed, and none of our own files.
          actions: assign({ why: ({ event }) => Object(event.error).stack }),
        },
      },
    },
    paid: { type: "final" },
    failed: { type: "final" },
  },
  output: ({ context }) => context.paid ?? context.why,
});
const pays = defineMachine(pay, {
  version: "1",
  actors: { charge: { maxAttempts: 2, baseMs: 1 } },
});

Deno.test("an activity is a job: its result, or its dead letter, comes back as mail", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [pays],
    pollMs: 100,
  });
  const { actors } = runtime;
  await actors.start({ machine: "pay", id: "good", input: { sum: 5 } });
  await actors.start({ machine: "pay", id: "bad", input: { sum: -5 } });
  runtime.work();
  const good = await actors.wait(null, "good", "done", { timeoutMs: 60_000 });
  assertEquals([good?.status, good?.output, good?.state], ["done", "paid 5", "paid"]);
  const bad = await actors.wait(null, "bad", "done", { timeoutMs: 60_000 });
  assertEquals([bad?.status, bad?.output], ["done", "Error: no money"]);
  const [left] = await db.sql`select count(*)::int as n from perdura.activity`;
  const [mail] = await db.sql`select count(*)::int as n from perdura.mailbox`;
  assertEquals([left?.n, mail?.n], [0, 0]);
  const jobs = await db.sql`select attempt, state from perdura.dead_letter`;
  assertEquals(jobs.map(({ attempt }) => attempt), [2]);
});

const child = setup({}).createMachine({
  id: "child",
  initial: "waiting",
  states: { waiting: { on: { GO: "over" }, after: { 50: "over" } }, over: { type: "final" } },
  output: { from: "child" },
});
const parent = setup({
  types: {} as { context: { heard: unknown } },
  actors: { child },
  actions: { poke: sendTo("kid", { type: "GO" }), tell: sendParent({ type: "X" }) },
}).createMachine({
  id: "parent",
  context: { heard: null },
  initial: "busy",
  states: {
    busy: {
      invoke: {
        src: "child",
        id: "kid",
        onDone: { target: "over", actions: assign({ heard: ({ event }) => event.output }) },
      },
      on: { POKE: { actions: "poke" } },
    },
    over: { type: "final" },
  },
});
const parents = defineMachine(parent, { version: "1" });

Deno.test("a child is an actor of its own; its parent hears of its end", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [parents],
    pollMs: 50,
  });
  const { actors } = runtime;
  runtime.work();
  await actors.start({ machine: "parent", id: "p" });
  await actors.start({ machine: "parent", id: "q" });
  await actors.send("q", { type: "POKE" });
  for (const id of ["p", "q"]) {
    const over = await actors.wait(null, id, "done", { timeoutMs: 60_000 });
    assertEquals(over?.context, { heard: { from: "child" } });
    assertEquals((await actors.get(null, `${id}/kid`)).status, "done");
  }
  // Whichever came first, the event or the timer, the other found it ended, or not at all.
  const poked = await actors.history(null, "q/kid", 0, 10);
  const taken = poked.filter(({ outcome }) => outcome === "handled" || outcome === "started");
  assertEquals(taken.length, 2);
});

Deno.test("a child that ended while its parent's worker was dead: the parent hears", async () => {
  await using db = await testDatabase();
  {
    await using runtime = await createRuntime({ databaseUrl: db.url, machines: [parents] });
    await runtime.actors.start({ machine: "parent", id: "p" });
    await runtime.drive({ budgetMs: 20_000 });
    // Nobody turns any more: the child alone is stepped, by whoever sends to it.
    // Its timer may be first: then it has ended before it hears.
    await runtime.actors.send("p/kid", { type: "GO" }).catch((error) =>
      assert(error instanceof TransitionRejectedError, String(error))
    );
    const [actor] = await db.sql`select status from perdura.actor where id = 'p/kid'`;
    assertEquals(actor?.status, "done");
  }
  await using later = await createRuntime({ databaseUrl: db.url, machines: [parents] });
  await later.drive({ budgetMs: 20_000 });
  const { status, context } = await later.actors.get(null, "p");
  assertEquals([status, context], ["done", { heard: { from: "child" } }]);
  const past = await later.actors.history(null, "p", 0, 10);
  assertEquals(past.map(({ outcome }) => outcome), ["started", "handled"]);
});

Deno.test("children of a root with a slash in its id are its own", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [parents] });
  const { actors } = runtime;
  await actors.start({ machine: "parent", id: "p" });
  await actors.start({ machine: "parent", id: "p/kid" });
  await actors.start({ machine: "parent", id: "5 %/kid" });
  await runtime.drive({ budgetMs: 20_000 });
  const kid = await actors.get(null, "5 %25%2Fkid/kid");
  assertEquals([kid.machine, kid.parentId], ["parent/child", "5 %/kid"]);
  // A root's name comes first; its own child has its own address.
  assertEquals((await actors.get(null, "p/kid")).machine, "parent");
  assertEquals((await actors.get(null, "p%2Fkid/kid")).parentId, "p/kid");
  runtime.work();
  const over = await actors.wait(null, "5 %/kid", "done", { timeoutMs: 60_000 });
  assertEquals([over?.id, over?.context], ["5 %/kid", { heard: { from: "child" } }]);
});

Deno.test("drive() makes turns, and says when the next timer is due", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [parents, pays] });
  await runtime.actors.start({ machine: "pay", id: "good", input: { sum: 5 } });
  await runtime.actors.start({ machine: "parent", id: "p" });
  const { turns, ran } = await runtime.drive({ budgetMs: 20_000 });
  assert(turns >= 2 && ran >= 1, `${turns} turns, ${ran} jobs`);
  assertEquals((await runtime.actors.get(null, "good")).status, "done");
});

Deno.test("actorsOf() types events and input by the chart", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [toggles] });
  const lights = runtime.actorsOf(toggles);
  await lights.start({ id: "l", event: { type: "FLIP" } });
  const { actor } = await lights.send("l", { type: "FLIP" });
  assertEquals([actor.state, actor.version], ["off", 3]);
  // @ts-expect-error The chart has no such event.
  await assertRejects(() => lights.send("l", { type: "FLOP" }), InvalidInputError);
  // @ts-expect-error XState's own events are nobody's to send.
  await assertRejects(() => lights.ask("l", { type: "xstate.init" }), InvalidInputError);
});

const bell = setup({
  types: {} as {
    events: { type: "RING" };
    emitted: { type: "rang"; at: Date } | { type: "broke"; why: string };
  },
}).createMachine({
  id: "bell",
  initial: "whole",
  states: {
    whole: {
      on: {
        RING: {
          target: "broken",
          actions: [emit({ type: "rang", at: new Date(0) }), emit({ type: "broke", why: "loud" })],
        },
      },
    },
    broken: { type: "final" },
  },
});

Deno.test("actorsOf() follows what an actor emits, typed by the chart", async () => {
  await using db = await testDatabase();
  const bells = defineMachine(bell, { version: "1" });
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [bells, toggles] });
  const typed = runtime.actorsOf(bells);
  await typed.start({ id: "b", event: { type: "RING" } });
  const heard: unknown[] = [];
  for await (const { version, event } of typed.emits("b")) {
    heard.push([version, event.type === "broke" ? event.why satisfies string : event.at]);
    // @ts-expect-error The chart emits no such event.
    assert(event.type !== "fell");
  }
  assertEquals(heard, [[2, { $: "Date", v: "1970-01-01T00:00:00.000Z" }], [2, "loud"]]);
  for await (const _ of typed.emits("b", { after: 2 })) throw new Error("nothing is behind it");
  // Of a chart that names no events, they are any.
  const lights = runtime.actorsOf(toggles);
  await lights.start({ id: "l" });
  const signal = AbortSignal.timeout(50);
  for await (const { event } of lights.emits("l", { signal })) event.anything satisfies unknown;
});
