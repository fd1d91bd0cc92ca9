/** What an actor is not given: a second start of another mind, forged events, more than it may hold. */
import { assertEquals } from "@std/assert";
import { assign, raise, setup } from "xstate";
import { createRuntime, defineMachine } from "perdura";
import { limits } from "../../src/core/limits.ts";
import { createApp } from "../../src/http/app.ts";
import { testDatabase } from "../support/database.ts";
import { assertProblem, errorPaths, type Reply, testApi } from "./support.ts";

const chest = setup({ types: {} as { context: { things: string[] } } }).createMachine({
  id: "chest",
  context: { things: [] },
  on: {
    PUT: {
      actions: assign({
        things: ({ context, event }) => [...context.things, String(Object(event).thing)],
      }),
    },
    EMPTY: { actions: assign({ things: [] }) },
  },
});

Deno.test("what an actor cannot hold is a clear problem, and nothing of it is applied", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [defineMachine(chest, { version: "1" })],
  });
  const { actors, jobs } = runtime;
  const app = createApp({ jobs, actors, isWritable: () => db.store.isWritable() });
  const post = async (path: string, body: unknown) => {
    const headers = { "content-type": "application/json" };
    const reply = await app.request(path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: reply.status, body: Object(await reply.json()) };
  };
  await post("/actors", { machine: "chest", id: "c" });
  const thing = "x".repeat(limits.payloadBytesMax * 0.6);
  const put = await post("/actors/c/events", { type: "PUT", thing });
  assertEquals([put.status, put.body.outcome], [200, "handled"]);
  // The event itself may be; the chest with it may not.
  const over = await post("/actors/c/events", { type: "PUT", thing });
  assertEquals([over.status, over.body.code], [413, "payload_too_large"]);
  const kept = await actors.get(null, "c");
  assertEquals([kept.status, kept.version], ["active", 2]);
  assertEquals(Object(kept.context).things.length, 1);
  // By mail nobody is there to be told: it stalls before it, and what comes later waits.
  assertEquals((await post("/actors/c/events?async=true", { type: "PUT", thing })).status, 202);
  const behind = await post("/actors/c/events", { type: "EMPTY" });
  assertEquals([behind.body.outcome, behind.body.reason], ["deferred", "stalled"]);
  const { status, error, version } = behind.body.actor;
  assertEquals([status, error.code, error.path], ["stalled", "not_serialisable", "snapshot"]);
  assertEquals(version, 3);
  // An operator throws the event away, and it goes on.
  assertEquals((await post("/actors/c/resume", { skip: true })).body.status, "active");
  assertEquals((await post("/actors/c/events", { type: "EMPTY" })).body.outcome, "handled");
  assertEquals((await actors.get(null, "c")).context, { things: [] });
  const huge = await post("/actors/c/events", { type: "PUT", thing: thing + thing });
  assertEquals([huge.status, huge.body.code], [413, "payload_too_large"]);
  const start = await post("/actors", { machine: "chest", id: "d", input: thing + thing });
  assertEquals([start.status, start.body.code], [413, "payload_too_large"]);
  assertEquals((await app.request("/actors/d")).status, 404);
});

const mine = setup({}).createMachine({
  id: "mine",
  on: {
    STEP: {
      actions: assign(() => {
        throw new Error("Boom");
      }),
    },
    TURN: { actions: raise({ type: "TURN" }) },
  },
});

Deno.test("an event that the machine throws at starts nothing, and a dry run tells of it", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(mine, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  const { actors, jobs } = runtime;
  const app = createApp({ jobs, actors, isWritable: () => db.store.isWritable() });
  const post = async (path: string, body: unknown): Promise<Reply> => {
    const headers = { "content-type": "application/json" };
    const reply = await app.request(path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: reply.status, headers: reply.headers, body: await reply.json() };
  };
  for (const type of ["STEP", "TURN"]) {
    const started = await post("/actors", { machine: "mine", id: "m", event: { type } });
    assertProblem(started, 422, "invalid_input");
    assertEquals(errorPaths(started), ["event"]);
  }
  assertEquals((await app.request("/actors/m")).status, 404);
  await post("/actors", { machine: "mine", id: "m" });
  const seen = await post("/actors/m/events?dryRun=true", { type: "STEP" });
  const { outcome, reason } = seen.body;
  assertEquals([seen.status, outcome, reason], [200, "stalled", "on.STEP.actions: Boom"]);
  const { status, version } = await actors.get(null, "m");
  assertEquals([status, version], ["active", 1]);
});

Deno.test("an id belongs to the first start: the same again is it, another one is a conflict", async () => {
  await using api = await testApi();
  const start = (title: string, machine = "approval") =>
    api.post("/actors", { machine, id: "a", input: { title, approver: "ada" } });
  const both = await Promise.all([start("paint"), start("paper")]);
  assertEquals(both.map(({ status }) => status).sort(), [201, 409]);
  const [won, lost] = both[0]?.status === 201 ? ["paint", "paper"] : ["paper", "paint"];
  assertProblem(await start(lost), 409, "idempotency_conflict");
  assertEquals((await start(won)).status, 200);
  const { body } = await api.get("/actors/a");
  assertEquals([body.version, Object(body.context).title], [1, won]);
});

Deno.test("events of XState's own are refused on every way in, and change nothing", async () => {
  await using api = await testApi();
  await api.post("/actors", { machine: "order", id: "o", input: { total: 1, items: ["a"] } });
  const forged = [
    "xstate.done.actor.reserve",
    "xstate.error.actor.reserve",
    "xstate.after.remind.order.open.contact.quiet",
    "xstate.init",
    "xstate.stop",
  ];
  for (const type of forged) {
    for (const query of ["", "?async=true", "?dryRun=true"]) {
      const path = `/actors/o/events${query}`;
      assertProblem(await api.post(path, { type, output: "mine" }), 422, "invalid_input");
    }
    const started = {
      machine: "order",
      id: "p",
      input: { total: 1, items: ["a"] },
      event: { type },
    };
    assertProblem(await api.post("/actors", started), 422, "invalid_input");
  }
  assertProblem(await api.get("/actors/p"), 404, "not_found");
  assertEquals((await api.get("/actors/o")).body.version, 1);
});
