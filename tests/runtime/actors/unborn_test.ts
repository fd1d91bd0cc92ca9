/** Children that have not begun: whoever ends them ends them for good, and their parent hears of it. */
import { assertEquals } from "@std/assert";
import { assign, setup } from "xstate";
import { createRuntime, defineMachine } from "perdura";
import { testDatabase } from "../../support/database.ts";

const child = setup({ types: {} as { context: { name: string }; input: { name?: string } } })
  .createMachine({
    id: "child",
    context: ({ input: { name } }) => {
      if (name === undefined) throw new Error("A child needs a name");
      return { name };
    },
  });

const parent = setup({
  types: {} as {
    context: { name?: string | undefined; heard: string };
    events: { type: "LEAVE" } | { type: "BEAR"; name?: string | undefined };
  },
  actors: { child },
}).createMachine({
  id: "parent",
  context: { heard: "" },
  initial: "alone",
  on: {
    LEAVE: ".alone",
    BEAR: { target: ".bearing", actions: assign(({ event: { name } }) => ({ name })) },
  },
  states: {
    alone: {},
    bearing: {
      invoke: {
        src: "child",
        id: "c",
        input: ({ context: { name } }) => name === undefined ? {} : { name },
        onError: {
          target: "alone",
          actions: assign({ heard: ({ event }) => String(Object(event.error).message) }),
        },
      },
    },
  },
});

const machines = [defineMachine(parent, { version: "1" })];
const budgetMs = 20_000;

type Runtime = Awaited<ReturnType<typeof createRuntime>>;

/** Ends the child: it stays so, and its parent hears. */
async function endByHand(runtime: Runtime, how: "terminate" | "cancel"): Promise<void> {
  const { actors } = runtime;
  const { status } = await actors[how]("p/c", "enough");
  await runtime.drive({ budgetMs });
  assertEquals((await actors.get(null, "p/c")).status, status);
  const { state, context } = await actors.get(null, "p");
  const said = how === "cancel" ? "Cancelled" : "Terminated";
  assertEquals([state, Object(context).heard], ["alone", `${said}: enough`]);
}

for (const how of ["terminate", "cancel"] as const) {
  Deno.test(`${how} of a child whose first step threw: it stays so, and its parent hears`, async () => {
    await using db = await testDatabase();
    await using runtime = await createRuntime({ databaseUrl: db.url, machines });
    const { actors } = runtime;
    await actors.start({ machine: "parent", id: "p", event: { type: "BEAR" } });
    await runtime.drive({ budgetMs });
    assertEquals((await actors.get(null, "p/c")).status, "stalled");
    await endByHand(runtime, how);
    const [left] = await db.sql`select count(*)::int as n from perdura.mailbox`;
    assertEquals(left?.n, 0);
  });
}

Deno.test("a child that is terminated before it has begun never begins", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  const { actors } = runtime;
  await actors.start({ machine: "parent", id: "p", event: { type: "BEAR", name: "ada" } });
  await actors.terminate("p/c", "too soon");
  await runtime.drive({ budgetMs });
  const past = await actors.history(null, "p/c", 0, 10);
  assertEquals(past.map(({ event, status }) => [event, status]), [["TERMINATE", "terminated"]]);
  assertEquals((await actors.get(null, "p")).state, "alone");
});

Deno.test("whoever leaves a child that could not begin may have another one at its address", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  const { actors } = runtime;
  await actors.start({ machine: "parent", id: "p", event: { type: "BEAR" } });
  await runtime.drive({ budgetMs });
  await actors.send("p", { type: "LEAVE" });
  await actors.send("p", { type: "BEAR", name: "ada" });
  await runtime.drive({ budgetMs });
  const { status, context } = await actors.get(null, "p/c");
  assertEquals([status, context], ["active", { name: "ada" }]);
  const past = await actors.history(null, "p/c", 0, 10);
  assertEquals(past.map(({ event }) => event), ["STALL", "STOP", "START"]);
});

for (const how of ["terminate", "cancel", "leave"] as const) {
  Deno.test(`${how} of a second child at the address that could not begin`, async () => {
    await using db = await testDatabase();
    await using runtime = await createRuntime({ databaseUrl: db.url, machines });
    const { actors } = runtime;
    const send = async (event: { type: string; name?: string }) => {
      await actors.send("p", event);
      await runtime.drive({ budgetMs });
    };
    await actors.start({ machine: "parent", id: "p", event: { type: "BEAR", name: "ada" } });
    await runtime.drive({ budgetMs });
    await send({ type: "LEAVE" });
    await send({ type: "BEAR" });
    assertEquals((await actors.get(null, "p/c")).status, "stalled");
    if (how === "leave") {
      await actors.send("p", { type: "LEAVE" });
      await send({ type: "BEAR", name: "bob" });
      const { status, context } = await actors.get(null, "p/c");
      return assertEquals([status, context], ["active", { name: "bob" }]);
    }
    await endByHand(runtime, how);
  });
}
