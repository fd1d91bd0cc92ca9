/** The debug handlers, run by a real worker on a real database. */
import { assert, assertEquals } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { allHandlers } from "../../handlers/mod.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

/** `deno task test:unit` has no database. */
const ignore = Deno.env.get("TEST_DATABASE_URL") === undefined;

/** The paths of what is wrong with a payload. */
function mistakes(type: string, payload: unknown): string[] {
  const handler = debugHandlers.find((handler) => handler.type === type);
  return handler?.check(payload, "payload").map((issue) => issue.path) ?? ["no such type"];
}

Deno.test("the debug handlers are those of CONTRACT, and registered on request only", () => {
  const email = { smtpUrl: null, outboxDir: "/dev/null", from: "x@localhost" };
  const types = (debug: boolean) =>
    allHandlers({ debug, email, report: { reportsDir: "/dev/null" }, http: { allowedHosts: [] } })
      .map(({ type }) => type).sort();
  const samples = types(false);
  for (const type of ["email.send", "http.request", "report.generate"]) {
    assert(samples.includes(type), type);
  }
  assertEquals(samples.filter((type) => type.startsWith("debug.")), []);
  const debug = ["debug.crash", "debug.effect", "debug.fail", "debug.noop", "debug.sleep"];
  assertEquals(types(true).filter((type) => !samples.includes(type)), debug);
});

Deno.test("the debug handlers check what they are given", () => {
  assertEquals(mistakes("debug.noop", { any: ["thing"] }), []);
  assertEquals(mistakes("debug.sleep", {}), ["payload.ms"]);
  assertEquals(mistakes("debug.sleep", { ms: -1 }), ["payload.ms"]);
  assertEquals(mistakes("debug.sleep", { ms: 1, s: 1 }), ["payload.s"]);
  assertEquals(mistakes("debug.fail", {}), []);
  assertEquals(mistakes("debug.fail", { times: 0.5, message: 1 }), [
    "payload.times",
    "payload.message",
  ]);
  assertEquals(mistakes("debug.crash", { times: "1" }), ["payload.times"]);
  assertEquals(mistakes("debug.effect", { key: "" }), ["payload.key"]);
});

Deno.test({ name: "debug.noop and debug.sleep succeed with their output", ignore }, async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, debugHandlers);
  const noop = await w.run("debug.noop", { ignored: true });
  assertEquals([noop.state, noop.output, noop.attempt], ["succeeded", null, 1]);
  const slept = await w.run("debug.sleep", { ms: 1 });
  assertEquals([slept.state, slept.output], ["succeeded", { sleptMs: 1 }]);
});

Deno.test({ name: "debug.sleep stops when it is cancelled", ignore }, async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, debugHandlers);
  const { id } = await w.jobs.enqueue({ type: "debug.sleep", payload: { ms: 3_600_000 } });
  await w.reach(id, "running");
  await eventually("the handler runs", () => Promise.resolve(w.worker.stats.running === 1));
  await w.jobs.send(id, { type: "CANCEL" }, { tenantId: null, ifVersion: null, cause: "test" });
  assertEquals((await w.reach(id, "cancelled")).lastError?.message, "Cancelled by user");
  assertEquals(w.worker.stats.abandoned, 0, "it listened to its signal");
});

Deno.test({ name: "debug.fail fails as often as it is told, then succeeds", ignore }, async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, debugHandlers);
  const mended = await w.run("debug.fail", { times: 2, message: "Not yet" });
  assertEquals([mended.state, mended.attempt, mended.output], ["succeeded", 3, { attempt: 3 }]);
  assertEquals(mended.lastError?.message, "Not yet");
  const dead = await w.run("debug.fail", { times: 3 });
  assertEquals([dead.state, dead.attempt, dead.output], ["dead_letter", 3, null]);
  assertEquals(dead.lastError?.message, "Failed on purpose");
});

Deno.test({ name: "debug.effect leaves one row, with the job's success", ignore }, async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, debugHandlers);
  const job = await w.run("debug.effect", { key: "k'1" });
  assertEquals([job.state, job.output], ["succeeded", { key: "k'1" }]);
  const rows = await db.sql`select key, job_id, attempt from debug_effect`;
  assertEquals(rows.map((row) => ({ ...row })), [{ key: "k'1", job_id: job.id, attempt: 1 }]);
});

Deno.test(
  { name: "debug.crash lets a job live that has crashed often enough", ignore },
  async () => {
    await using db = await testDatabase();
    await using w = testWorker(db, debugHandlers);
    const job = await w.run("debug.crash", { times: 0 });
    assertEquals([job.state, job.output], ["succeeded", { crashes: 0 }]);
  },
);
