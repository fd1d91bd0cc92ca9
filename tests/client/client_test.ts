/** The client of the API, under Deno and under Node. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { createApp, createClient, createRuntime, ProblemError } from "perdura";
import { testDatabase } from "../support/database.ts";

/** The API on a port of its own. */
async function withApi(test: (url: string) => Promise<void>): Promise<void> {
  await using db = await testDatabase();
  const runtime = await createRuntime({ databaseUrl: db.url, handlers: debugHandlers, pollMs: 50 });
  const app = createApp({ jobs: runtime.jobs, isWritable: () => runtime.isWritable() });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  runtime.work();
  try {
    await test(`http://127.0.0.1:${server.addr.port}`);
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
      events: ["ENQUEUE", "SCHEDULE", "CANCEL"],
      problem: [422, "unknown_type"],
    });
  }));

async function run(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  assert(code === 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
