/**
 * An API and a worker in one process, traced: its job fails twice, then stores another one and starts an
 * actor, which does two activities one after the other, waits for a timer, and has a child do the rest.
 * Started by traces_test.ts with OTEL_DENO=true.
 */
import { fromPromise, setup } from "xstate";
import { z } from "zod";
import {
  createApp,
  createRuntime,
  defineHandler,
  defineMachine,
  type Runtime,
  sensitive,
} from "perdura";
import { Tracing } from "perdura/telemetry";
import { getLogger } from "@logtape/logtape";
import { configureLogging } from "../../src/cli/logging.ts";

await configureLogging("info");
const log = getLogger(["perdura", "test"]);

const work = fromPromise(() => Promise.resolve("done"));
const bulb = setup({ actors: { work } }).createMachine({
  id: "bulb",
  initial: "bright",
  states: { bright: { invoke: { src: "work", onDone: "out" } }, out: { type: "final" } },
});
const light = defineMachine(
  setup({ actors: { work, bulb } }).createMachine({
    id: "light",
    initial: "on",
    states: {
      on: { invoke: { src: "work", id: "first", onDone: "warm" } },
      warm: { invoke: { src: "work", id: "second", onDone: "waiting" } },
      waiting: { after: { 50: "lit" } },
      lit: { invoke: { src: "bulb", id: "bulb", onDone: "gone" } },
      gone: { type: "final" },
    },
  }),
  { version: "1" },
);
const mark = defineMachine(
  setup({}).createMachine({ id: "mark", initial: "made", states: { made: {} } }),
  { version: "1" },
);
const child = defineHandler({
  type: "traced.child",
  input: z.object({}),
  handle: () => {
    log.info("The child runs");
    return "child";
  },
});
const parent = defineHandler({
  type: "traced.parent",
  input: z.object({ secret: sensitive(z.string()) }),
  retry: { baseMs: 10, capMs: 10 },
  handle: async ({ secret }, { job }) => {
    if (job.attempt < 3) {
      throw Object.assign(new Error(`again, with ${secret}`), { name: `Refused ${secret}` });
    }
    await runtime.enqueue("traced.child", {});
    await runtime.actors.start({ machine: "light", id: "lamp" });
    return "parent";
  },
});

const runtime: Runtime = await createRuntime({
  databaseUrl: Deno.env.get("DATABASE_URL") ?? "",
  handlers: [parent, child],
  machines: [light, mark],
  tracing: new Tracing(),
  pollMs: 50,
});
const app = createApp({
  jobs: runtime.jobs,
  actors: runtime.actors,
  isWritable: () => runtime.isWritable(),
});
runtime.work();
const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => Deno.stdout.writeSync(new TextEncoder().encode(`port ${port}\n`)),
}, app.fetch);
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  await runtime.close();
  Deno.exit(0);
});
