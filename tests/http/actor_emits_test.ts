/** Following what an actor emits. */
import { assert, assertEquals } from "@std/assert";
import { emit, setup } from "xstate";
import { createRuntime, defineMachine } from "perdura";
import { createApp } from "../../src/http/app.ts";
import { testDatabase } from "../support/database.ts";
import { assertProblem, testApi } from "./support.ts";

const bell = setup({
  types: {} as {
    events: { type: "RING"; times: number } | { type: "STOP" };
    emitted: { type: "rang"; times: number };
  },
  actions: {
    ring: emit(({ event }) => ({ type: "rang", times: Number(Object(event).times) })),
  },
}).createMachine({
  id: "bell",
  initial: "up",
  states: {
    up: { on: { RING: { actions: ["ring", "ring"] }, STOP: "down" } },
    down: { type: "final" },
  },
});

Deno.test("emits are followed as they come, from where one has stopped, to the end", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [defineMachine(bell, { version: "1" })],
  });
  const { actors, jobs } = runtime;
  const app = createApp({ jobs, actors, isWritable: () => db.store.isWritable() });
  await actors.start({ machine: "bell", id: "b/1" });
  await actors.send("b/1", { type: "RING", times: 1 });
  const follow = async (headers: Record<string, string> = {}) => {
    const response = await app.request(`/actors/${encodeURIComponent("b/1")}/emits`, { headers });
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    assert(response.body);
    return response.body.pipeThrough(new TextDecoderStream()).getReader();
  };
  const live = await follow();
  const readUntil = async (reader: typeof live, mark: string) => {
    for (let text = "";;) {
      if (text.includes(mark)) return text;
      const { value, done } = await reader.read();
      if (done) throw new Error(`The stream ended before ${mark}: ${text}`);
      text += value;
    }
  };
  const first = await readUntil(live, "id: 2.1");
  assert(first.includes('"event":{"type":"rang","times":1}'), first);
  await actors.send("b/1", { type: "RING", times: 2 });
  assert((await readUntil(live, "id: 3.1")).includes('"times":2'));
  await actors.send("b/1", { type: "STOP" });
  await readUntil(live, "event: end");
  assertEquals((await live.read()).done, true);
  const later = await readUntil(await follow({ "last-event-id": "2.0" }), "event: end");
  const ids = [...later.matchAll(/^id: (.*)$/gm)].map(([, id]) => id);
  assertEquals(ids, ["2.1", "3.0", "3.1"]);
});

Deno.test("nobody emits nothing: 404, and 400 for a place that is none", async () => {
  await using api = await testApi();
  assertProblem(await api.get("/actors/nobody/emits"), 404, "not_found");
  assertProblem(await api.get("/actors/nobody/emits?after=x"), 400, "malformed");
});
