/** Most claims ask one level, some for one job, by statements of their own: they take and tell what the one for many does. */
import { assertEquals } from "@std/assert";
import { newId } from "../../src/core/id.ts";
import type { JobInsert } from "../../src/core/job.ts";
import { openStore } from "../../src/store/open.ts";
import type { ClaimedJob, ClaimRequest, Store } from "../../src/store/store.ts";
import { buildJob, fromHead, laneOf } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

type Form = "one job" | "a lone job" | "one level" | "many levels";

const FORMS: readonly Form[] = ["one job", "a lone job", "one level", "many levels"];

/**
 * A claim of the lane of a job: for one at most, for many where one is expected, for many; of many levels: beside
 * another one, which is empty.
 */
function ask(
  store: Store,
  form: Form,
  job: JobInsert,
  more: Partial<ClaimRequest> = {},
): Promise<ClaimedJob[]> {
  const limit = form === "one job" ? 1 : more.limit ?? 100;
  const beside = fromHead(laneOf(buildJob({ queue: "empty" })), limit);
  return store.claim({
    ...{
      leaseId: newId(),
      worker: newId(),
      leaseMs: 30_000,
      alone: false,
      gateChange: null,
    },
    lanes: [
      { ...fromHead(laneOf(job), limit), isLone: form === "a lone job" },
      ...(form === "many levels" ? [beside] : []),
    ],
    ...more,
    limit,
  });
}

/** All that is there. */
async function askAll(store: Store, form: Form, job: JobInsert): Promise<ClaimedJob[]> {
  const all: ClaimedJob[] = [];
  while (true) {
    const some = await ask(store, form, job);
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** All there is to know of a claimed job but its lease and its place. */
function told(job: ClaimedJob) {
  const { leaseId: _, ctid: _place, ...rest } = job;
  const { createdAt, backoff, metadata, tags, failedTrace, payload } = job;
  return { ...rest, createdAt, backoff, metadata, tags, failedTrace, payload };
}

async function waitAgain({ sql }: TestDatabase): Promise<void> {
  await sql`update perdura.job set state = 0, version = 1, attempt = 0, lease_id = null, started_at = null`;
}

for (const [form, size] of FORMS.flatMap((form) => [[form, 10], [form, 5_000]] as const)) {
  Deno.test(`a claim of ${form} tells where each row is, with ${size} bytes`, async () => {
    await using db = await testDatabase();
    const payloadJson = JSON.stringify({ x: "y".repeat(size) });
    const jobs = Array.from({ length: 5 }, () => buildJob({ payloadJson }));
    // Rows that end in their turn leave their places to others.
    await db.store.insert(jobs);
    const claimed = await askAll(db.store, form, jobs[0]!);
    const rows = await db.sql`select id, ctid::text as place from perdura.job`;
    const places = new Map(rows.map(({ id, place }) => [id, place]));
    assertEquals(claimed.length, 5);
    assertEquals(claimed.map(({ ctid }) => ctid), claimed.map(({ id }) => places.get(id)));
  });
}

Deno.test("claims of one job, of one level and of many tell the same of a job", async () => {
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
  const longest: string[] = [];
  for (const form of FORMS) {
    const claimed = await askAll(db.store, form, first);
    answers.push(claimed.map(told).sort((a, b) => a.id < b.id ? -1 : 1));
    const counts = await db.sql`
      select tenant_id, queue, from_state, to_state, sum(n)::int as n from perdura.counter_delta
       where from_state is not null group by 1, 2, 3, 4`;
    const leases = await db.sql`
      select n_left, cardinality(ids) as ids, cardinality(tenants) as tenants, worker is not null as is_held,
             expires_at - claimed_at = interval '30 s' as is_short
        from perdura.lease`;
    const [hard] = await db
      .sql`select max(hard_until - claimed_at)::text as longest from perdura.lease`;
    longest.push(hard?.longest);
    const each = form === "one job" ? 1 : jobs.length;
    const lease = {
      n_left: each,
      ids: each,
      tenants: each,
      is_held: true,
      is_short: true,
    };
    assertEquals([counts.length, counts[0]?.n], [1, jobs.length]);
    assertEquals([...leases], Array.from({ length: jobs.length / each }, () => lease));
    await db.sql`truncate perdura.lease, perdura.counter_delta`;
    await waitAgain(db);
  }
  assertEquals(answers[0]?.length, jobs.length);
  for (const answer of answers) assertEquals(answer, answers[0]);
  assertEquals(new Set(longest).size, 1);
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
      const most = form === "one job" ? 1 : 7;
      for (let round = 1; round <= 10; round++) {
        assertEquals((await ask(store, form, jobs[0]!, { limit: 7 })).length, most);
        const [count] = await db.sql`
          select count(*)::int as n from perdura.job where lease_id is not null`;
        assertEquals(count?.n, most * round, "no more rows were taken than given back");
      }
    } finally {
      await store.close();
    }
  });
}

for (const large of [false, true]) {
  Deno.test(`a${large ? " large" : ""} job that is alone is told alike by every claim`, async () => {
    await using db = await testDatabase();
    const payloadJson = JSON.stringify("large ".repeat(large ? 1_000 : 1));
    const job = buildJob({ payloadJson, tags: ["a"], maxAttempts: 9 });
    await db.store.insert([job]);
    const answers = [];
    for (const form of FORMS) {
      answers.push((await ask(db.store, form, job)).map(told));
      await waitAgain(db);
    }
    assertEquals(answers[0]?.length, 1);
    for (const answer of answers) assertEquals(answer, answers[0]);
  });
}

Deno.test("who expects one job gets all that are due, and no more than asked", async () => {
  await using db = await testDatabase();
  const jobs = Array.from({ length: 10 }, () => buildJob());
  const later = buildJob({ runAt: "2999-01-01T00:00:00Z" });
  await db.store.insert([...jobs, later]);
  assertEquals((await ask(db.store, "a lone job", jobs[0]!, { limit: 4 })).length, 4);
  assertEquals((await ask(db.store, "a lone job", jobs[0]!)).length, 6);
  assertEquals(await ask(db.store, "a lone job", jobs[0]!), []);
});

Deno.test("eight who claim one job at a time take each once, and wait for nobody", async () => {
  await using db = await testDatabase();
  const jobs = Array.from({ length: 200 }, () => buildJob());
  await db.store.insert(jobs);
  // A row that somebody else holds is passed over.
  const held = await db.sql.reserve();
  await held`begin`;
  await held`select from perdura.job where id = ${jobs[0]!.id} for update`;
  const takers = Array.from({ length: 8 }, () => askAll(db.store, "one job", jobs[0]!));
  const taken = (await Promise.all(takers)).flat().map(({ id }) => id);
  assertEquals(taken.length, jobs.length - 1);
  assertEquals(new Set(taken).size, jobs.length - 1);
  await held`rollback`;
  held.release();
  assertEquals((await ask(db.store, "one job", jobs[0]!)).map(({ id }) => id), [jobs[0]!.id]);
});
