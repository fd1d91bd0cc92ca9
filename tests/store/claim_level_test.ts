/** Most claims ask one level, by a statement of their own: it takes and tells what the one for many does. */
import { assertEquals } from "@std/assert";
import { newId } from "../../src/core/id.ts";
import type { JobInsert } from "../../src/core/job.ts";
import { openStore } from "../../src/store/open.ts";
import type { ClaimedJob, ClaimRequest, Store } from "../../src/store/store.ts";
import { buildJob, fromHead, laneOf } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

type Form = "one level" | "many levels";

const FORMS: readonly Form[] = ["one level", "many levels"];

/** A claim of the lane of a job; of many levels: beside another one, which is empty. */
function ask(
  store: Store,
  form: Form,
  job: JobInsert,
  more: Partial<ClaimRequest> = {},
): Promise<ClaimedJob[]> {
  const limit = more.limit ?? 100;
  const beside = fromHead(laneOf(buildJob({ queue: "empty" })), limit);
  return store.claim({
    ...{
      leaseId: newId(),
      worker: newId(),
      leaseMs: 30_000,
      limit,
      alone: false,
      gateChange: null,
    },
    lanes: [fromHead(laneOf(job), limit), ...(form === "one level" ? [] : [beside])],
    ...more,
  });
}

/** All there is to know of a claimed job but its lease. */
function told(job: ClaimedJob) {
  const { leaseId: _, ...rest } = job;
  const { createdAt, backoff, metadata, tags, failedTrace, payload } = job;
  return { ...rest, createdAt, backoff, metadata, tags, failedTrace, payload };
}

async function waitAgain({ sql }: TestDatabase): Promise<void> {
  await sql`update perdura.job set state = 0, version = 1, attempt = 0, lease_id = null, started_at = null`;
}

Deno.test("a claim of one level and one of many tell the same of a job", async () => {
  await using db = await testDatabase();
  const first = buildJob();
  const jobs = [
    ...[first, buildJob({ payloadJson: '{"n":2}' })],
    ...[{ maxAttempts: 9 }, { maxCrashes: 8 }, { timeoutMs: 5_000 }].map(buildJob),
    buildJob({ tags: ["a", "b"], metadataJson: '{"by":"ada"}' }),
    buildJob({ backoff: { baseMs: 5, factor: 2, capMs: 50 } }),
    buildJob({ payloadJson: JSON.stringify("large ".repeat(1_000)) }),
    buildJob({ payloadJson: JSON.stringify("larger ".repeat(1_000)), timeoutMs: 6_000 }),
    buildJob({ payloadJson: "null" }),
  ];
  for (const job of jobs) await db.store.insert([job]);
  await db.sql`update perdura.job set payload = null where payload::text = 'null'`;
  await db.sql`update perdura.job set run_at = run_at - interval '1 h' where max_attempts = 9`;
  const answers = [];
  for (const form of FORMS) {
    const claimed = await ask(db.store, form, first);
    answers.push(claimed.map(told).sort((a, b) => a.id < b.id ? -1 : 1));
    const counts = await db.sql`
      select tenant_id, queue, from_state, to_state, sum(n)::int as n from perdura.counter_delta
       where from_state is not null group by 1, 2, 3, 4`;
    const leases = await db.sql`select n_left, cardinality(ids) as ids from perdura.lease`;
    assertEquals([counts.length, counts[0]?.n], [1, jobs.length]);
    assertEquals([...leases], [{ n_left: jobs.length, ids: jobs.length }]);
    await db.sql`truncate perdura.lease, perdura.counter_delta`;
    await waitAgain(db);
  }
  assertEquals(answers[0]?.length, jobs.length);
  assertEquals(answers[0], answers[1]);
});

for (const form of FORMS) {
  Deno.test(`a claim of ${form} leaves suspects alone`, async () => {
    await using db = await testDatabase();
    const [suspect, plain] = [buildJob(), buildJob()];
    await db.store.insert([suspect, plain]);
    await db.sql`update perdura.job set crashes = 2 where id = ${suspect.id}`;
    assertEquals((await ask(db.store, form, plain)).map(({ id }) => id), [plain.id]);
    assertEquals((await ask(db.store, form, plain, { alone: true })).map(({ id }) => id), [
      suspect.id,
    ]);
  });

  Deno.test(`a claim of ${form} that knows an older change of the gates takes nothing`, async () => {
    await using db = await testDatabase();
    const job = buildJob();
    await db.store.insert([job]);
    const change = (await db.store.gates.read(null))?.change ?? "";
    const older = String(Number(change) - 1);
    assertEquals(await ask(db.store, form, job, { gateChange: older }), []);
    assertEquals((await db.sql`select from perdura.lease`).length, 0);
    assertEquals((await ask(db.store, form, job, { gateChange: change })).length, 1);
  });

  Deno.test(`a claim of ${form} takes no more than asked under forced nested loops`, async () => {
    await using db = await testDatabase();
    const [row] = await db.sql`select current_database() as name`;
    for (const plan of ["enable_hashjoin", "enable_mergejoin", "enable_seqscan"]) {
      await db.sql.unsafe(`alter database ${row?.name} set ${plan} = off`);
    }
    const store = openStore({ url: db.url });
    try {
      const jobs = Array.from({ length: 100 }, () => buildJob());
      await store.insert(jobs);
      for (let round = 1; round <= 10; round++) {
        assertEquals((await ask(store, form, jobs[0]!, { limit: 7 })).length, 7);
        const [count] = await db.sql`
          select count(*)::int as n from perdura.job where lease_id is not null`;
        assertEquals(count?.n, 7 * round, "no more rows were taken than given back");
      }
    } finally {
      await store.close();
    }
  });
}
