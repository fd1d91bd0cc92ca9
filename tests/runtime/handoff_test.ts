/** Jobs that the process which stores them starts itself: what they promise is what all jobs promise. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { type TestWorker, testWorker } from "../support/worker.ts";

const noop = defineHandler({ type: "t", input: z.unknown(), handle: () => null });

/** A lane that is looked at again is not idle for that moment. */
const SELDOM = { pollMs: 3_600_000 };

async function claims(db: TestDatabase): Promise<number> {
  const [row] = await db.sql`select count(*)::int as n from perdura.history where version = 2`;
  return row?.n;
}

/** Its lane is known and has just been found empty: what is sent now is handed over. */
async function idle(db: TestDatabase, w: TestWorker): Promise<void> {
  await eventually("a job is stored as started", async () => {
    const { id } = await w.jobs.enqueue({ type: "t" });
    const [row] = await db.sql`
      select started_at = created_at as at_once from perdura.job where id = ${id}
      union all
      select started_at = created_at from perdura.job_archive where id = ${id}`;
    await w.reach(id, "succeeded");
    return row?.at_once === true;
  });
}

Deno.test("a job for an idle worker of its own process is stored as started", async () => {
  await using db = await testDatabase();
  let release = () => {};
  const held = new Promise<null>((done) => release = () => done(null));
  const slow = defineHandler({
    type: "t",
    input: z.object({ isHeld: z.boolean().optional() }),
    handle: ({ isHeld }) => isHeld ? held : null,
  });
  await using w = testWorker(db, [slow], SELDOM);
  const detach = w.jobs.attach(w.worker);
  await idle(db, w);
  const { id } = await w.jobs.enqueue({ type: "t", payload: { isHeld: true } });
  // Stored by one statement: nobody can have seen it waiting.
  const job = await w.jobs.get(null, id);
  assertEquals([job.state, job.version, job.attempt, job.leaseOwner], [
    "running",
    2,
    1,
    w.worker.id,
  ]);
  assertEquals(job.runAt, job.startedAt);
  release();
  await w.reach(id, "succeeded");
  const history = await w.jobs.history(null, id, 0, 10);
  assertEquals(history.map(({ event, from, to }) => [event, from, to]), [
    ["ENQUEUE", null, "pending"],
    ["CLAIM", "pending", "running"],
    ["SUCCEED", "running", "succeeded"],
  ]);
  detach();
});

Deno.test("what is not plain, or does not fit, goes the ordinary way", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [noop]);
  w.jobs.attach(w.worker);
  await idle(db, w);
  const jobs = await Promise.all([
    w.jobs.enqueue({ type: "t", idempotencyKey: "k" }),
    w.jobs.enqueue({ type: "t", tags: ["a"] }),
    w.jobs.enqueue({ type: "t", delayMs: 1 }),
    w.jobs.enqueue({ type: "t", queue: "new" }),
    ...Array.from({ length: 300 }, () => w.jobs.enqueue({ type: "t" })),
  ]);
  for (const { id } of jobs) await w.reach(id, "succeeded");
  assert(await claims(db) >= jobs.length);
});

Deno.test("a worker that stops takes no more, and hands back what it holds", async () => {
  await using db = await testDatabase();
  const slow = defineHandler({
    type: "t",
    input: z.object({ isHeld: z.boolean().optional() }),
    handle: ({ isHeld }, { signal }) =>
      !isHeld ? null : new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  });
  await using w = testWorker(db, [slow], SELDOM);
  w.jobs.attach(w.worker);
  await idle(db, w);
  const { id } = await w.jobs.enqueue({ type: "t", payload: { isHeld: true } });
  await w.worker.stop();
  const after = await w.jobs.enqueue({ type: "t" });
  await w.reach(id, "pending");
  assertEquals((await w.jobs.get(null, after.id)).version, 1);
});
