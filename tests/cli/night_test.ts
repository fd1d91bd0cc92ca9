/** What somebody does at night, as commands on a real database: find it, see why, and act. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { newId } from "../../src/core/id.ts";
import { buildJob } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { openSession } from "./command.ts";

Deno.test("explain says why a job waits, queues holds it and lets it go, retry starts it now", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(args);
  const late = buildJob({ queue: "mail", delayMs: 3_600_000, tags: ["eu"] });
  await db.store.insert([late, buildJob()]);
  assertEquals((await run("queues", "pause", "mail")).stdout.trim(), "mail is paused");
  assertMatch((await run("queues", "list")).stdout, /^mail +paused +0 +1 /m);
  const { stdout } = await run("explain", late.id);
  assertStringIncludes(stdout, "queue_paused: ");
  assertMatch(stdout, /^not_due: .*, until 20\d\d-/m);
  const { reasons } = JSON.parse((await run("explain", late.id, "--json")).stdout);
  assertEquals(reasons.length, stdout.trim().split("\n").length);
  assertEquals((await run("queues", "resume", "mail")).stdout.trim(), "mail is open");
  const drained = JSON.parse((await run("queues", "drain", "mail", "--json")).stdout);
  assertEquals([drained.name, drained.state], ["mail", "draining"]);
  assertEquals((await run("retry", late.id)).stdout.trim(), `${late.id} pending`);
  const [audit] = await db
    .sql`select string_agg(action, ' ' order by id) as all from perdura.audit`;
  assertEquals(audit?.all, "queue.pause queue.resume queue.drain job.retry_now");
});

Deno.test("retry brings an ended job back; what cannot be retried is refused in one line", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(args);
  const job = buildJob();
  await db.store.insert([job]);
  assertEquals((await run("cancel", job.id)).code, 0);
  const again = JSON.parse((await run("retry", job.id, "--json")).stdout);
  assertEquals([again.state, again.version], ["pending", 3]);
  for (const command of ["retry", "explain"]) {
    const nobody = await run(command, newId());
    assertEquals([nobody.code, nobody.lines.length], [3, 1]);
  }
  const wrong = await run("queues", "pause", "no name");
  assertEquals([wrong.code, wrong.lines.length], [2, 2]);
});

Deno.test("jobs --query finds as GET /jobs?q= does, as many as were asked for", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(args);
  const wanted = [buildJob({ tags: ["eu"] }), buildJob({ tags: ["eu"] })];
  await db.store.insert([...wanted, buildJob(), buildJob({ tags: ["us"] })]);
  const found = async (...args: string[]) =>
    JSON.parse((await run("jobs", "--json", ...args)).stdout).map(({ id }: { id: string }) => id);
  assertEquals((await found("--query", "tag:eu")).sort(), wanted.map(({ id }) => id).sort());
  assertEquals((await found("--query", "tag:eu", "--limit", "1")).length, 1);
  assertEquals(await found("--query", "tag:eu", "--state", "running"), []);
  const wrong = await run("jobs", "--query", "stat:x");
  assertEquals([wrong.code, wrong.lines.length], [3, 1], wrong.lines.join("\n"));
});

Deno.test("workers says who works and what it takes", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(args);
  assertEquals((await run("workers")).stdout.trim().split("\n").length, 1, "the header alone");
  const id = newId();
  await db.store.workers.beat({
    ...{ id, everyMs: 60_000, version: "1", types: ["a", "b"], machines: [], charts: null },
    ...{ queues: ["mail"], concurrency: 7, running: 2, partitionKey: null },
  });
  assertMatch((await run("workers")).stdout, new RegExp(`^${id} +alive +2/7 +mail +2 `, "m"));
  const [worker] = JSON.parse((await run("workers", "--json")).stdout);
  assertEquals([worker.id, worker.state, worker.types], [id, "alive", ["a", "b"]]);
});
