/** `tail` follows an actor to its end, and leaves out none of many new jobs. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createRuntime, defineMachine } from "perdura";
import { approvalMachine } from "../../machines/approval.ts";
import { buildJob, eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { openSession } from "./command.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** A runtime in which the approval `a1` waits. */
async function withApproval(databaseUrl: string) {
  const machines = [defineMachine(approvalMachine, { version: "1" })];
  const runtime = await createRuntime({ databaseUrl, handlers: [], machines });
  const input = { title: "A book", approver: "Grace" };
  await runtime.actors.start({ machine: "approval", id: "a1", input });
  return runtime;
}

Deno.test("tail --actor prints the steps of an actor, and ends with it", async () => {
  await using db = await testDatabase();
  await using runtime = await withApproval(db.url);
  await runtime.actors.send("a1", { type: "APPROVE", by: "Grace" });
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(["tail", ...args]);
  const plain = await run("--actor", "a1");
  assertEquals([plain.code, plain.lines], [0, []]);
  const lines = plain.stdout.trim().split("\n");
  assertStringIncludes(lines[0] ?? "", "START · → ");
  assertStringIncludes(lines[1] ?? "", "APPROVE");
  const told = (await run("--actor", "a1", "--json")).stdout.trim().split("\n");
  assertEquals(
    told.map((line) => JSON.parse(line)).map(({ actorId, version }) => [actorId, version]),
    lines.map((_, index) => ["a1", index + 1]),
  );
  assertEquals((await run("--actor", "nobody")).code, 3);
});

Deno.test("tail ends with a job, or an actor, whose history is not kept any longer", async () => {
  await using db = await testDatabase();
  await using runtime = await withApproval(db.url);
  await runtime.actors.terminate("a1", "test");
  const job = buildJob();
  await db.store.insert([job]);
  await runtime.jobs.send(job.id, { type: "CANCEL" }, {
    ...{ tenantId: null, ifVersion: null, cause: "test" },
  });
  await db.sql`delete from perdura.transition`;
  await db.sql`delete from perdura.actor_step`;
  await using session = await openSession({ DATABASE_URL: db.url });
  assertEquals((await session.run(["tail", job.id])).code, 0);
  assertEquals((await session.run(["tail", "--actor", "a1"])).code, 0);
});

Deno.test("tail tells of every new job, however many come at once", async () => {
  await using db = await testDatabase();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "tail", "--json"],
    env: { DATABASE_URL: db.url, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const seen = new Set<string>();
  const reading = (async () => {
    let text = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (text + chunk).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) seen.add(JSON.parse(line).jobId);
    }
  })();
  try {
    // It has begun when it tells of one of these.
    await eventually("it follows", async () => {
      await db.store.insert([buildJob()]);
      return seen.size > 0;
    });
    // One that is deleted ends it for none of the others.
    await db.sql`delete from perdura.job`;
    const jobs = Array.from({ length: 250 }, () => buildJob());
    await db.store.insert(jobs);
    await eventually("all are told", () => Promise.resolve(jobs.every(({ id }) => seen.has(id))));
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await reading;
  }
});
