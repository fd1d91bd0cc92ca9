/** Forks and rewinds: other branches of a past, and nothing of the old one ever reaches the new. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { assign, createMachine, fromPromise, sendTo, setup } from "xstate";
import { createRuntime, defineMachine, NotFoundError } from "perdura";
import { orderMachine } from "../../../machines/order.ts";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";

const input = { total: 100, items: ["a lamp"] };

/** The outside world of orders: what it was asked, and answers that may be held back. */
class World {
  readonly asked: string[] = [];
  readonly #held = new Map<string, PromiseWithResolvers<void>>();
  readonly #heard = new Map<string, PromiseWithResolvers<void>>();

  /** The next time that `what` is asked, it waits. Gives a promise of that, and the way to let it go. */
  hold(what: string): { asked: Promise<void>; letGo: () => void } {
    const [held, heard] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    this.#held.set(what, held);
    this.#heard.set(what, heard);
    return { asked: heard.promise, letGo: () => held.resolve() };
  }

  get orders() {
    const answer = (what: string) =>
      fromPromise<string, { order: string }>(async ({ input: { order } }) => {
        const nth = this.asked.filter((each) => each === `${what}:${order}`).length;
        this.asked.push(`${what}:${order}`);
        const held = this.#held.get(what);
        this.#held.delete(what);
        this.#heard.get(what)?.resolve();
        await held?.promise;
        return `${what}:${order}:${nth}`;
      });
    const actors = {
      ...{ reserve: answer("reservation"), charge: answer("charge"), ship: answer("parcel") },
      ...{ refund: answer("refund"), giveBack: answer("given back") },
    };
    return defineMachine(orderMachine.provide({ actors }), { version: "1", unhandled: "reject" });
  }
}

async function opened(url: string, world: World) {
  const runtime = await createRuntime({ databaseUrl: url, machines: [world.orders], pollMs: 20 });
  runtime.work();
  return runtime;
}

type Runtime = Awaited<ReturnType<typeof opened>>;

async function inState({ actors }: Runtime, id: string, state: string): Promise<void> {
  await eventually(`${id} in ${state}`, async () => {
    return (await actors.get(null, id)).state.includes(state);
  });
}

/** An order from its start, or from where it packs, to its end. */
async function finish(runtime: Runtime, id: string) {
  await inState(runtime, id, "picking");
  await runtime.actors.send(id, { type: "PICKED" });
  await runtime.actors.send(id, { type: "PACKED" });
  return await runtime.actors.wait(null, id, "done");
}

const whole = [
  "START",
  "xstate.done.actor.reserve",
  "xstate.done.actor.charge",
  "PICKED",
  "PACKED",
  "xstate.done.actor.ship",
];

async function eventsOf({ actors }: Runtime, id: string, after = 0): Promise<string[]> {
  return (await actors.history(null, id, after, 50)).map(({ event }) => event);
}

Deno.test("a finished order is forked and rewound: its past stays, its lineage is told", async () => {
  await using db = await testDatabase();
  const world = new World();
  await using runtime = await opened(db.url, world);
  const { actors } = runtime;
  await actors.start({ machine: "order", id: "o", input });
  const first = await finish(runtime, "o");
  assertEquals([first?.state, Object(first?.output).tracking], ["shipped", "parcel:o:0"]);
  assertEquals(await eventsOf(runtime, "o"), whole);

  // Version 2 was charging: the fork charges anew, as an actor of its own, and the old one rests.
  const fork = await actors.fork("o", { at: 2, name: "p" });
  assertEquals(fork.forkedFrom, { actor: "o", version: 2 });
  assertEquals((await finish(runtime, "p"))?.state, "shipped");
  assertEquals(await eventsOf(runtime, "p"), ["FORK", ...whole.slice(2)]);
  const [birth] = await actors.history(null, "p", 0, 1);
  assertEquals([birth?.cause, birth?.from], ["o@2", null]);
  assertEquals((await actors.get(null, "o")).version, 6);
  const of = (what: string) => world.asked.filter((each) => each.startsWith(what)).length;
  assertEquals([of("reservation"), of("charge"), of("parcel")], [1, 2, 2]);

  // The past that was left stays readable, below the step that left it.
  const back = await actors.rewind("o", { at: 3 });
  assertEquals([back.status, back.version], ["active", 7]);
  assert(back.state.includes("picking"));
  assertEquals(Array.isArray(back.timers) && back.timers.length, 2);
  const again = await finish(runtime, "o");
  assertEquals([again?.state, again?.version], ["shipped", 10]);
  assertEquals(await eventsOf(runtime, "o"), [...whole, "REWIND", ...whole.slice(3)]);
  assertEquals((await actors.get(null, "o", 6)).state, "shipped");
  const [step] = await actors.history(null, "o", 6, 1);
  assertEquals([step?.event, step?.from, step?.to], ["REWIND", "shipped", back.state]);
  assertEquals(
    (await actors.get(null, "o", 2)).state,
    back.state.replace("packing.picking", "charging"),
  );
  assertEquals((await actors.get(null, "o")).forkedFrom, null);
});

Deno.test("what a rewound order had under way reaches nobody, and a reused result is not asked again", async () => {
  await using db = await testDatabase();
  const world = new World();
  await using runtime = await opened(db.url, world);
  const { actors } = runtime;
  const charging = world.hold("charge");
  await actors.start({ machine: "order", id: "o", input });
  await charging.asked;
  // Back to where it reserved, with the reservation it got; the charge of the old branch is still running.
  await actors.rewind("o", { at: 1, activities: "reuse" });
  await inState(runtime, "o", "picking");
  charging.letGo();
  await eventually("both charges to be over", async () => {
    const jobs = await db.sql`
      select 1 from perdura.job_archive where type = 'order/charge'`;
    return jobs.length === 2;
  });
  await eventually("no mail to be left", async () => {
    const [row] = await db.sql`
      select count(*)::int as n from perdura.mailbox where due_at <= now()`;
    return row?.n === 0;
  });
  assertEquals(Object((await actors.get(null, "o")).context).charge, "charge:o:1");
  assertEquals((await finish(runtime, "o"))?.state, "shipped");
  const past = await actors.history(null, "o", 0, 50);
  const handled = past.filter(({ outcome }) => outcome !== "stale");
  assertEquals(handled.map(({ event }) => event), [
    ...["START", "xstate.done.actor.reserve", "REWIND"],
    ...["xstate.done.actor.reserve", "xstate.done.actor.charge", "PICKED", "PACKED"],
    "xstate.done.actor.ship",
  ]);
  assert(past.find(({ event }) => event === "REWIND")?.to.includes("reserving"));
  const asked = world.asked.filter((each) => each === "reservation:o");
  assertEquals(asked.length, 1);
});

/** Asks for a price that depends on the round; one may be left and asked for again. */
const prices = setup({
  types: {} as { context: { round: number; price: unknown } },
  actors: { ask: fromPromise<string, number>(({ input }) => Promise.resolve(`price ${input}`)) },
}).createMachine({
  id: "prices",
  context: { round: 0, price: null },
  initial: "asking",
  states: {
    asking: {
      entry: assign({ round: ({ context }) => context.round + 1 }),
      invoke: {
        id: "ask",
        src: "ask",
        input: ({ context }) => context.round,
        onDone: { target: "known", actions: assign({ price: ({ event }) => event.output }) },
      },
      on: { LEAVE: "idle" },
    },
    idle: { on: { ASK: "asking" } },
    known: { type: "final" },
  },
});

Deno.test("a result is reused by the work that it is of, not by an earlier one of the same name", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(prices, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  const { actors } = runtime;
  await actors.start({ machine: "prices", id: "p" });
  await actors.send("p", { type: "LEAVE" });
  await actors.send("p", { type: "ASK" });
  const end = async (id: string) => {
    for (let slices = 0; slices < 20; slices++) {
      const { status, context } = await actors.get(null, id);
      if (status === "done") return Object(context).price;
      await runtime.drive({ budgetMs: 20_000 });
    }
    throw new Error(`${id} does not end`);
  };
  assertEquals(await end("p"), "price 2");
  const forked = async (at: number) => {
    const { id } = await actors.fork("p", { at, activities: "reuse" });
    return await end(id);
  };
  assertEquals([await forked(1), await forked(3)], ["price 1", "price 2"]);
  // A branch of a branch that had its result from before asks for one of its own.
  await actors.fork("p", { at: 1, activities: "reuse", name: "f" });
  assertEquals(await end("f"), "price 1");
  await actors.fork("f", { at: 1, name: "g" });
  assertEquals(await end("g"), "price 1");
  await actors.rewind("p", { at: 3, activities: "reuse" });
  const { version: at } = await actors.get(null, "p");
  assertEquals(await end("p"), "price 2");
  await actors.fork("p", { at, name: "h" });
  assertEquals(await end("h"), "price 2");
});

Deno.test("there is no branch from a version that is not there, and nothing has happened", async () => {
  await using db = await testDatabase();
  await using runtime = await opened(db.url, new World());
  const { actors } = runtime;
  await actors.start({ machine: "order", id: "o", input });
  await inState(runtime, "o", "picking");
  const before = await actors.get(null, "o");
  for (const at of [0, before.version + 1, 2_000_000_000]) {
    await assertRejects(() => actors.fork("o", { at, name: "p" }), NotFoundError);
    await assertRejects(() => actors.rewind("o", { at }), NotFoundError);
  }
  await assertRejects(() => actors.get(null, "p"), NotFoundError);
  assertEquals((await actors.get(null, "o")).version, before.version);
});

const parting = setup({
  types: {} as { events: { type: "LEAVE" } },
  actors: {
    friend: createMachine({ initial: "here", states: { here: { on: { HELLO: "met" } }, met: {} } }),
  },
}).createMachine({
  id: "parting",
  initial: "together",
  invoke: { src: "friend", id: "friend" },
  states: {
    together: {
      entry: sendTo("friend", { type: "HELLO" }, { id: "hello", delay: 3_600_000 }),
      on: { LEAVE: "gone" },
    },
    gone: { type: "final" },
  },
});

Deno.test("a branch of a moment after the end asks for nothing later", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(parting, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  const { actors } = runtime;
  await actors.start({ machine: "parting", id: "p" });
  const timersOf = async (id: string) => (await actors.get(null, id)).timers;
  assertEquals((await timersOf("p") as unknown[]).length, 1);
  const { actor: ended } = await actors.send("p", { type: "LEAVE" });
  assertEquals([ended.status, ended.timers], ["done", []]);
  await actors.fork("p", { at: ended.version, name: "q" });
  assertEquals(await timersOf("q"), []);
});
