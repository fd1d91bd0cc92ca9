/** The client of the API, under Deno and under Node. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { setup } from "xstate";
import { z } from "zod";
import { debugHandlers } from "../../handlers/debug.ts";
import {
  type ActorCalls,
  createApp,
  createClient,
  createRuntime,
  defineHandler,
  defineMachine,
  type HistoryOptions,
  ProblemError,
  type Runtime,
  type SendOptions,
  type TypedStart,
  type Until,
} from "perdura";
import type { ActorOf, EventOf, EventResultOf, TypedActors } from "perdura/client";
import { testDatabase } from "../support/database.ts";

const greet = defineHandler({
  type: "greet",
  input: z.strictObject({ name: z.string(), loud: z.boolean().default(false) }),
  handle: ({ name }, { job }) => ({ text: `Hello ${name}`, since: job.createdAt }),
});
const door = defineMachine(
  setup({
    types: {} as {
      input: { room: string };
      context: { room: string; made: Date };
      events: { type: "OPEN"; by: string } | { type: "SHUT" };
      output: { shut: boolean };
    },
  }).createMachine({
    id: "door",
    context: ({ input }) => ({ room: input.room, made: new Date(0) }),
    initial: "closed",
    states: {
      closed: { on: { OPEN: "open" } },
      open: { on: { SHUT: "gone" } },
      gone: { type: "final" },
    },
    output: { shut: true },
  }),
  { version: "1" },
);
const lamp = defineMachine(
  setup({ types: {} as { events: { type: "FLIP" } } }).createMachine({
    id: "bulb",
    on: { FLIP: {} },
  }),
  { version: "1", name: "lamp", unhandled: "reject" },
);
const program = { handlers: [greet], machines: [door, lamp] };

/** The API on a port of its own, and the runtime behind it. */
async function withApi(test: (url: string, runtime: Runtime) => Promise<void>): Promise<void> {
  await using db = await testDatabase();
  const runtime = await createRuntime({
    ...{ databaseUrl: db.url, pollMs: 50, machines: program.machines },
    handlers: [...program.handlers, ...debugHandlers],
  });
  const app = createApp(runtime);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  runtime.work();
  try {
    await test(`http://127.0.0.1:${server.addr.port}`, runtime);
  } finally {
    await server.shutdown();
    await runtime.close();
  }
}

Deno.test("the client enqueues, waits, and throws problems with their codes", () =>
  withApi(async (url) => {
    const client = createClient({ url: `${url}/` });
    const job = await client.enqueueAndWait("debug.fail", { times: 0 });
    assertEquals([job.state, job.output], ["succeeded", { attempt: 1 }]);
    const { id } = await client.enqueue("debug.noop", {});
    assertEquals((await client.wait(id)).state, "succeeded");
    const waiting = await client.enqueue("debug.noop", {}, { delayMs: 60_000 });
    assertEquals((await client.wait(waiting.id, 1)).state, "scheduled");
    const stale = await assertRejects(
      () => client.send(waiting.id, { type: "RETRY_NOW" }, 1),
      ProblemError,
    );
    assertEquals([stale.status, stale.code], [412, "version_conflict"]);
    const rejected = await assertRejects(() => client.cancel(id), ProblemError);
    assertEquals([rejected.code, rejected.problem.state], ["transition_rejected", "succeeded"]);
    assert((await client.retry(waiting.id)).version > waiting.version);
    assertEquals((await client.wait(waiting.id)).state, "succeeded");
  }));

Deno.test("the client starts actors, sends them events, looks at them and waits", () =>
  withApi(async (url) => {
    const client = createClient({ url });
    const given = { id: "front/1", input: { room: "hall" } };
    const { actor, created } = await client.actors.start("door", given);
    assertEquals([actor.id, actor.state, created], ["front/1", "closed", true]);
    assertEquals((await client.actors.start("door", given)).created, false);
    const opened = client.actors.wait("front/1", { state: "open" });
    const { outcome } = await client.actors.send("front/1", { type: "OPEN", by: "ada" }, {
      key: "once",
    });
    assertEquals([outcome, (await opened)?.state], ["handled", "open"]);
    await client.actors.send("front/1", { type: "OPEN", by: "ada" }, { key: "once" });
    const [start, open, ...more] = await client.actors.history("front/1");
    assertEquals([start?.event, open?.event, more], ["START", "OPEN", []], "once by its key");
    assertEquals((await client.actors.history("front/1", { after: 1 })).length, 1);
    const [newest] = await client.actors.history("front/1", { after: null, limit: 1 });
    assertEquals(newest?.event, "OPEN");
    assertEquals((await client.actors.get("front/1", { version: 1 })).state, "closed");
    assertEquals((await client.actors.explain("front/1"))[0]?.code, "waits_for_event");
    const stale = await assertRejects(
      () => client.actors.send("front/1", { type: "SHUT" }, { expectVersion: 1 }),
      ProblemError,
    );
    assertEquals(stale.code, "version_conflict");
    assertEquals(await client.actors.wait("front/1", "done", { timeoutMs: 1 }), null);
    const gone = AbortSignal.abort();
    assertEquals(await client.actors.wait("front/1", "done", { signal: gone }), null);
    assert((await client.actors.post("front/1", { type: "SHUT" })).length > 0);
    assertEquals((await client.actors.wait("front/1", "done"))?.output, { shut: true });
    await client.actors.start("door", { id: "back", input: { room: "yard" } });
    assertEquals((await client.actors.cancel("back", "no door")).status, "cancelled");
    const unknown = await assertRejects(() => client.actors.start("gate"), ProblemError);
    assertEquals(unknown.code, "unknown_machine");
  }));

Deno.test("a client of a program has the types of its handlers and machines", () =>
  withApi(async (url) => {
    const client = createClient<typeof program>({ url });
    const job = await client.enqueueAndWait("greet", { name: "Ada" });
    const text: string | undefined = job.output?.text;
    // A date is text, once it has been JSON.
    const since: string | undefined = job.output?.since;
    assertEquals([text, since], ["Hello Ada", job.createdAt]);
    assertEquals((await client.wait<"greet">(job.id)).output?.text.length, 9);
    const doors = client.actorsOf("door");
    const { actor } = await doors.start({ id: "d", input: { room: "hall" } });
    const room: string | undefined = actor.context?.room;
    assertEquals([room, actor.machine satisfies "door"], ["hall", "door"]);
    assertEquals((await doors.get("d")).context?.made, {
      $: "Date",
      v: "1970-01-01T00:00:00.000Z",
    });
    await client.actors.send("d", { type: "OPEN", by: "ada" });
    await doors.send("d", { type: "SHUT" });
    assertEquals((await doors.wait("d", "done"))?.output?.shut, true);
    await client.actors.start("lamp", { id: "l" });
    const wrong = [
      // @ts-expect-error: a name is a string
      () => client.enqueue("greet", { name: 7 }),
      // @ts-expect-error: nobody handles this
      () => client.enqueue("greets", { name: "Ada" }),
      // @ts-expect-error: an option that is none
      () => client.enqueue("greet", { name: "Ada" }, { delayMS: 5 }),
      // @ts-expect-error: the payload of one of many
      () => client.enqueueMany([{ type: "greet", payload: { nom: "Ada" } }]),
      // @ts-expect-error: an event that no job has
      () => client.send(job.id, { type: "CANCELL" }),
      // @ts-expect-error: there is no such machine
      () => client.actors.start("gate"),
      // @ts-expect-error: it cannot be made without a room
      () => doors.start({ id: "x" }),
      // @ts-expect-error: the event has a field more
      () => client.actors.send("d", { type: "OPEN" }),
      // @ts-expect-error: an event of the other machine
      () => client.actorsOf("lamp").send("l", { type: "SHUT" }),
    ];
    for (const call of wrong) await assertRejects(call);
  }));

Deno.test("actors are held, ended and taken back by the same calls, in process and by the API", () =>
  withApi(async (url, runtime) => {
    const byApi = createClient<typeof program>({ url }).actorsOf("door");
    for (const [doors, id] of [[byApi, "far/1"], [runtime.actorsOf(door), "near/1"]] as const) {
      await doors.start({ id, input: { room: "hall" } });
      assertEquals((await doors.pause(id)).status, "paused");
      const { outcome, reason } = await doors.send(id, { type: "OPEN", by: "ada" });
      assertEquals([outcome, reason], ["deferred", "paused"]);
      assertEquals((await doors.resume(id, { skip: false })).status, "active");
      assertEquals((await doors.wait(id, "state:open"))?.state, "open");
      const fork = await doors.fork(id, { at: 1, name: `${id} again`, activities: "reuse" });
      const room: string | undefined = fork.context?.room;
      assertEquals([fork.id, fork.state, room], [`${id} again`, "closed", "hall"]);
      assertEquals((await doors.rewind(id, { at: 1, timers: "keep" })).state, "closed");
      const { version } = await doors.get(id);
      await assertRejects(() => doors.terminate(id, "late", { expectVersion: version - 1 }));
      await assertRejects(() => doors.cancel(id, "late", { expectVersion: version - 1 }));
      const ended = await doors.terminate(id, "no door", { expectVersion: version });
      assertEquals(ended.status, "terminated");
      const [last] = await doors.history(id, { after: null, limit: 1 });
      assertEquals([last?.event, last?.cause], ["TERMINATE", "no door"]);
    }
    const wrong = [
      // @ts-expect-error: no version of the past
      () => byApi.rewind("far/1", {}),
      // @ts-expect-error: a way that there is not
      () => byApi.fork("far/1", { at: 1, timers: "stop" }),
    ];
    for (const call of wrong) await assertRejects(call, ProblemError);
  }));

Deno.test("an event is sent once, and its turn waited for as long as the caller says", async () => {
  await using db = await testDatabase();
  const options = { databaseUrl: db.url, pollMs: 50 };
  await using worker = await createRuntime({ ...options, machines: [door] });
  await worker.actors.start({ machine: "door", id: "d", input: { room: "hall" } });
  // It knows no machine: turns are another process's.
  await using api = await createRuntime(options);
  const app = createApp(api);
  const asked: (string | null)[] = [];
  const impatient: typeof fetch = async (input, init) => {
    const url = new URL(String(input));
    asked.push(url.searchParams.get("timeoutMs"));
    if (asked.length < 3) url.searchParams.set("timeoutMs", "1");
    else worker.work();
    return await app.request(url.href, init);
  };
  const { actors } = createClient({ url: "http://127.0.0.1", fetch: impatient });
  const open = { type: "OPEN", by: "ada" };
  const { outcome, actor } = await actors.send("d", open, { timeoutMs: 170_000.5 });
  assertEquals([outcome, actor.state], ["handled", "open"]);
  assertEquals(asked, ["60000", "60000", "50001"]);
  assertEquals((await actors.history("d", { after: 1 })).map(({ event }) => event), ["OPEN"]);
  for (const timeoutMs of [0.5, -1, NaN]) {
    assertEquals((await actors.ask("d", open, { timeoutMs })).actor.state, "open");
  }
  assert((await actors.post("d", open, { timeoutMs: 0.5 })).length > 0);
});

Deno.test("a job is waited for beyond what one request may wait", async () => {
  const asked: string[] = [];
  const answering: typeof fetch = (input) => {
    asked.push(new URL(String(input)).search);
    return Promise.resolve(
      Response.json({ id: "j", state: asked.length < 2 ? "running" : "succeeded" }),
    );
  };
  const client = createClient({ url: "http://perdura.test", fetch: answering });
  const seen = async (timeoutMs: number) => {
    asked.length = 0;
    return [(await client.enqueueAndWait("mail", {}, { timeoutMs })).state, ...asked];
  };
  assertEquals(await seen(90_000), ["succeeded", "?wait=60s", ""]);
  assertEquals(await seen(60_000), ["running", "?wait=60s"]);
  assertEquals(await seen(0.5), ["running", "?wait=1s"]);
  assertEquals(await seen(NaN), ["running", "?wait=1s"]);
});

/** A client of a job that is in one state after another, and how often it has asked. */
function watching(states: readonly string[], before = () => Promise.resolve()) {
  let asked = 0;
  const answering: typeof fetch = async () => {
    const state = states[asked++];
    await before();
    return Response.json({ id: "j", state });
  };
  const client = createClient({ url: "http://perdura.test", fetch: answering });
  return { client, asked: () => asked };
}

Deno.test("a function of one's own can name what it takes and gives", () =>
  withApi(async (url) => {
    type Door = typeof door;
    const open = async (
      doors: TypedActors<Door>,
      given: TypedStart<Door>,
      event: EventOf<Door>,
      options?: SendOptions,
    ): Promise<EventResultOf<Door>> => {
      const { actor } = await doors.start(given);
      return await doors.send(actor.id, event, options);
    };
    const newest = (calls: ActorCalls<Door>, id: string, options: HistoryOptions) =>
      calls.history(id, { ...options, after: null });
    const client = createClient<typeof program>({ url });
    const doors = client.actorsOf("door");
    const { actor } = await open(doors, { input: { room: "hall" } }, { type: "OPEN", by: "ada" });
    const seen: ActorOf<Door> = actor;
    const [last] = await newest(doors, seen.id, { limit: 1 });
    assertEquals([seen.state, last?.event], ["open", "OPEN"]);
  }));

Deno.test("a wait asks no more once its time is over", async () => {
  const { client, asked } = watching(["running", "succeeded"], async () => {
    const over = performance.now() + 10;
    while (performance.now() <= over) await new Promise((done) => setTimeout(done, 1));
  });
  assertEquals([(await client.wait("j", 10)).state, asked()], ["running", 1]);
});

Deno.test("a wait takes every number, and looks once where no time is left", async () => {
  for (const timeoutMs of [60_000.5, 2 ** 31, 2 ** 32, Infinity]) {
    const { client } = watching(["running", "succeeded"]);
    assertEquals((await client.wait("j", timeoutMs)).state, "succeeded", `${timeoutMs}`);
  }
  for (const timeoutMs of [0, -1, -Infinity, NaN]) {
    const { client } = watching(["running", "succeeded"]);
    assertEquals((await client.wait("j", timeoutMs)).state, "running", `${timeoutMs}`);
  }
});

Deno.test("an end is asked for until it is there or its time is over, a state only once", async () => {
  const asked: (string | null)[] = [];
  let open = Infinity;
  const waiting: typeof fetch = (input) => {
    asked.push(new URL(String(input)).searchParams.get("timeoutMs"));
    const isThere = asked.length === open;
    return Promise.resolve(
      isThere ? Response.json({ id: "a", status: "done" }) : new Response(null, { status: 204 }),
    );
  };
  const { actors } = createClient({ url: "http://perdura.test", fetch: waiting });
  const asks = async (until: Until, timeoutMs: number) => {
    asked.length = 0;
    return [(await actors.wait("a", until, { timeoutMs }))?.status ?? null, ...asked];
  };
  assertEquals(await asks("done", 150_000), [null, "60000", "60000", "30000"]);
  assertEquals(await asks("done", 120_000), [null, "60000", "60000"]);
  assertEquals(await asks("done", 1_500.5), [null, "1501"]);
  assertEquals(await asks("done", -1), [null, "0"]);
  assertEquals(await asks("state:open", 150_000), [null, "60000"]);
  open = 3;
  assertEquals(await asks("done", Infinity), ["done", "60000", "60000", "60000"]);
});

Deno.test("an answer that is no JSON is a problem, also where it looks like a success", async () => {
  const page: typeof fetch = () => Promise.resolve(new Response("<html>"));
  const client = createClient({ url: "http://perdura.test", fetch: page });
  const error = await assertRejects(() => client.get("j"), ProblemError);
  assert(error.message.includes("is it the API?"), error.message);
});

Deno.test("the client runs under Node", () =>
  withApi(async (url) => {
    const dir = await Deno.makeTempDir();
    const program = new URL("./node_client.ts", import.meta.url).pathname;
    await run(Deno.execPath(), [
      "bundle",
      "--platform",
      "browser",
      "-o",
      `${dir}/client.mjs`,
      program,
    ]);
    const stdout = await run("node", [`${dir}/client.mjs`, url]);
    await Deno.remove(dir, { recursive: true });
    assertEquals(JSON.parse(stdout), {
      same: true,
      states: ["scheduled", "cancelled", "pending"],
      clonedFrom: true,
      ids: 2,
      waited: "succeeded",
      events: ["ENQUEUE", "SCHEDULE", "CANCEL"],
      problem: [422, "unknown_type"],
    });
  }));

async function run(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  assert(code === 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("an id is one part of the path, whatever is in it", async () => {
  const asked: string[] = [];
  const answer = (input: URL | RequestInfo) => {
    asked.push(String(input));
    return Promise.resolve(Response.json({ state: "succeeded" }));
  };
  const client = createClient({ url: "http://127.0.0.1", fetch: answer });
  const id = "../queues/mail/pause?";
  for (
    const call of ["get", "wait", "transitions", "explain", "cancel", "retry", "rerun"] as const
  ) {
    await client[call](id);
  }
  await client.send(id, { type: "RETRY_NOW" });
  const strays = asked.filter((url) => !url.startsWith(`http://127.0.0.1/jobs/..%2Fqueues%2F`));
  assertEquals([asked.length, strays], [8, []]);
});
