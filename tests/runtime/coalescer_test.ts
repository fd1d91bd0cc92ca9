/** Single enqueues that arrive together: one statement, each its own answer, one bad one alone. */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { UnavailableError } from "../../src/core/errors.ts";
import type { JobInsert } from "../../src/core/job.ts";
import { Coalescer } from "../../src/runtime/coalescer.ts";
import type { Entered } from "../../src/store/store.ts";
import { openStore } from "../../src/store/open.ts";
import { buildJob } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";

/** A store that counts its statements. */
function counting(enter: (jobs: readonly JobInsert[]) => Promise<Entered[]>) {
  const batches: (readonly JobInsert[])[] = [];
  const coalescer = new Coalescer({
    enter: (jobs) => {
      batches.push(jobs);
      return enter(jobs);
    },
    requester: () => null,
    within: (_, work) => work(),
  });
  return { batches, coalescer };
}

Deno.test("jobs that arrive together are few statements, with and without a key apart", async () => {
  await using db = await testDatabase();
  const { batches, coalescer } = counting((jobs) => db.store.enter(jobs, []));
  const jobs = Array.from(
    { length: 64 },
    (_, n) => buildJob(n % 2 === 0 ? {} : { idempotencyKey: `k${n % 8}` }),
  );
  const entered = await Promise.all(jobs.map((job) => coalescer.enter(job)));
  assertLess(batches.length, 6);
  for (const batch of batches) {
    assertEquals(new Set(batch.map((job) => job.idempotencyKey === null)).size, 1);
  }
  jobs.forEach((job, n) => {
    const one = entered[n];
    assert(one);
    const first = job.idempotencyKey === null
      ? job
      : jobs.find(({ idempotencyKey }) => idempotencyKey === job.idempotencyKey);
    assertEquals([one.id, one.created], [first?.id, first === job]);
    assertEquals(one.placed?.state ?? null, one.created ? "pending" : null);
  });
  const [row] = await db.sql`select count(*)::int as n from perdura.job`;
  assertEquals(row?.n, 32 + 4);
});

Deno.test("a job that the database refuses fails alone", async () => {
  await using db = await testDatabase();
  const { coalescer } = counting((jobs) => db.store.enter(jobs, []));
  const jobs = Array.from(
    { length: 20 },
    (_, n) => buildJob(n === 13 ? { payloadJson: "not json" } : {}),
  );
  const settled = await Promise.allSettled(jobs.map((job) => coalescer.enter(job)));
  assertEquals(
    settled.map(({ status }) => status),
    jobs.map((_, n) => n === 13 ? "rejected" : "fulfilled"),
  );
  const [row] = await db.sql`select count(*)::int as n from perdura.job`;
  assertEquals(row?.n, 19);
});

Deno.test("when the database is away everybody hears it, and the next ones are tried again", async () => {
  await using db = await testDatabase();
  let isAway = true;
  const { batches, coalescer } = counting((jobs) => {
    return isAway ? Promise.reject(new UnavailableError("away")) : db.store.enter(jobs, []);
  });
  const all = await Promise.allSettled([1, 2, 3].map(() => coalescer.enter(buildJob())));
  assert(all.every(({ status }) => status === "rejected"));
  assertEquals(batches.length, 1);
  await assertRejects(() => coalescer.enter(buildJob()), UnavailableError);
  isAway = false;
  assertEquals((await coalescer.enter(buildJob())).created, true);
});

Deno.test("a large payload travels alone", async () => {
  await using db = await testDatabase();
  const { batches, coalescer } = counting((jobs) => db.store.enter(jobs, []));
  const large = buildJob({ payloadJson: JSON.stringify("x".repeat(20_000)) });
  await Promise.all([buildJob(), large, buildJob()].map((job) => coalescer.enter(job)));
  assertEquals(batches.map((batch) => batch.length).toSorted(), [1, 2]);
});

Deno.test("a key that somebody holds locked fails alone", async () => {
  await using db = await testDatabase();
  const store = openStore({ url: db.url, lockTimeoutMs: 200 });
  const { coalescer } = counting((jobs) => store.enter(jobs, []));
  const held = Promise.withResolvers<void>();
  const isHeld = Promise.withResolvers<void>();
  const holding = db.sql.begin(async (sql) => {
    await sql`
      insert into perdura.unique_key (tenant_id, key, job_id, payload_hash, expires_at)
      values ('default', 'held', gen_random_uuid(), 0, now() + interval '1 day')`;
    isHeld.resolve();
    await held.promise;
  });
  await isHeld.promise;
  const keys = ["a", "held", "b"];
  const settled = await Promise.allSettled(
    keys.map((idempotencyKey) => coalescer.enter(buildJob({ idempotencyKey }))),
  );
  assertEquals(settled.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  held.resolve();
  await holding;
  await store.close();
});
