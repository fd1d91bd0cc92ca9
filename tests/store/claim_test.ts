/** The claim: never too many, in order, only what is due, with one tenant and with a thousand. */
import { assert, assertEquals } from "@std/assert";
import { newId } from "../../src/core/id.ts";
import { JOB_STATES } from "../../machines/job.ts";
import { stateCode } from "../../src/core/codes.ts";
import { statesAccepting, transition } from "../../src/core/lifecycle.ts";
import { openStore } from "../../src/store/open.ts";
import { buildJob, changeFor, claimAll, claimed, fromHead, laneOf } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { HEAD } from "../../src/runtime/lane_keys.ts";

const WORKER = newId();

function tenantsOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => count === 1 ? "default" : `tenant-${i}`);
}

for (const tenants of [1, 1000]) {
  Deno.test(`claim() with ${tenants} tenants takes each job once, never more than asked`, async () => {
    await using db = await testDatabase();
    const names = tenantsOf(tenants);
    const jobs = Array.from(
      { length: 2000 },
      (_, i) => buildJob({ tenantId: names[i % tenants] ?? "default" }),
    );
    await db.store.insert(jobs);
    const lanes = await db.store.lanes();
    assertEquals(lanes.length, tenants);
    const seen = new Set<string>();
    for (let at = 0; seen.size < jobs.length;) {
      const part = Array.from({ length: 20 }, () => lanes[at++ % lanes.length]!);
      const distinct = [...new Set(part)];
      const got = await db.store.claim({
        leaseId: newId(),
        worker: WORKER,
        leaseMs: 30_000,
        limit: 50,
        alone: false,
        lanes: distinct.map((lane) => fromHead(lane, 50)),
      });
      assert(got.length <= 50, `asked for 50, got ${got.length}`);
      assert(got.length > 0, "jobs are left, but none was claimed");
      for (const job of got) {
        assert(!seen.has(job.id), "claimed twice");
        seen.add(job.id);
        assert(distinct.some((lane) => lane.tenantId === job.tenantId), "a lane not asked for");
      }
    }
    assertEquals(seen.size, jobs.length);
  });
}

Deno.test("claim() never takes more than asked under forced nested loops", async () => {
  await using db = await testDatabase();
  const [row] = await db.sql`select current_database() as name`;
  for (const plan of ["enable_hashjoin", "enable_mergejoin", "enable_seqscan"]) {
    await db.sql.unsafe(`alter database ${row?.name} set ${plan} = off`);
  }
  const store = openStore({ url: db.url });
  try {
    const queues = ["a", "b", "c", "d"];
    const jobs = Array.from({ length: 400 }, (_, i) => buildJob({ queue: queues[i % 4]! }));
    await store.insert(jobs);
    for (let round = 1; round <= 10; round++) {
      assertEquals((await claimAll(store, 7)).length, 7);
      const [count] = await db.sql`
        select count(*)::int as n from perdura.job where lease_id is not null`;
      assertEquals(count?.n, 7 * round, "no more rows were taken than given back");
    }
  } finally {
    await store.close();
  }
});

Deno.test("claim() never takes more than asked while others claim and finish", async () => {
  await using db = await testDatabase();
  await db.store.insert(Array.from({ length: 600 }, () => buildJob()));
  const takers = Array.from({ length: 8 }, async () => {
    let mine = 0;
    while (true) {
      const jobs = await claimAll(db.store, 9);
      assert(jobs.length <= 9);
      if (jobs.length === 0) return mine;
      mine += jobs.length;
      const refused = await db.store.commit(
        WORKER,
        jobs.map((job) => changeFor(job, { type: "SUCCEED" })),
      );
      assertEquals(refused, []);
    }
  });
  const taken = await Promise.all(takers);
  assertEquals(taken.reduce((sum, n) => sum + n, 0), 600);
});

Deno.test("claim() takes lower priority numbers first, then the longest due", async () => {
  await using db = await testDatabase();
  const second = buildJob({ runAt: "2001-01-01T00:00:02Z" });
  const late = buildJob({ priority: 5 });
  const urgent = buildJob({ priority: -5 });
  for (const job of [late, second, urgent]) await db.store.insert([job]);
  await db.sql`update perdura.job set run_at = now() - interval '1 hour' where id = ${second.id}`;
  const first = buildJob();
  await db.store.insert([first]);
  await db.sql`update perdura.job set run_at = now() - interval '2 hours' where id = ${first.id}`;
  const order: string[] = [];
  for (let n = 0; n < 4; n++) order.push((await claimAll(db.store, 1))[0]!.id);
  assertEquals(order, [urgent.id, first.id, second.id, late.id]);
});

Deno.test("claim() gives each lane its share, and a lane's urgent jobs the whole of it", async () => {
  await using db = await testDatabase();
  const many = (overrides: object) => Array.from({ length: 50 }, () => buildJob(overrides));
  const lanes = [{ queue: "a", priority: 5 }, { queue: "a", priority: 0 }, { queue: "b" }];
  await db.store.insert(lanes.flatMap(many));
  const level = (overrides: object) => ({ lane: laneOf(buildJob(overrides)), from: HEAD });
  const jobs = await db.store.claim({
    leaseId: newId(),
    worker: WORKER,
    leaseMs: 30_000,
    limit: 60,
    alone: false,
    lanes: [
      {
        quantum: 30,
        levels: [level({ queue: "a", priority: 0 }), level({ queue: "a", priority: 5 })],
      },
      { quantum: 30, levels: [level({ queue: "b" })] },
    ],
  });
  const taken = Map.groupBy(jobs, (job) => `${job.queue} ${job.priority}`);
  assertEquals([...taken].map(([key, list]) => [key, list.length]), [["a 0", 30], ["b 0", 30]]);
});

Deno.test("claim() passes over jobs not due, jobs under a lease, and lanes not asked for", async () => {
  await using db = await testDatabase();
  const future = buildJob({ delayMs: 60_000 });
  const other = buildJob({ queue: "other" });
  const due = buildJob();
  await db.store.insert([future, other, due]);
  const ask = () =>
    db.store.claim({
      leaseId: newId(),
      worker: WORKER,
      leaseMs: 30_000,
      limit: 10,
      alone: false,
      lanes: [fromHead(laneOf(due), 10)],
    });
  assertEquals((await ask()).map((job) => job.id), [due.id]);
  assertEquals(await ask(), []);
});

Deno.test("claim() begins at the cursor, and a scan from the head finds what is behind", async () => {
  await using db = await testDatabase();
  const [early, late] = [buildJob(), buildJob()];
  await db.store.insert([early]);
  await db.store.insert([late]);
  const [at] = await db.sql`select run_at::text as r from perdura.job where id = ${late.id}`;
  const request = { leaseId: newId(), worker: WORKER, leaseMs: 30_000, limit: 10, alone: false };
  const lane = laneOf(late);
  const behind = await db.store.claim({
    ...request,
    lanes: [{ quantum: 10, levels: [{ lane, from: { runAt: at?.r, id: late.id } }] }],
  });
  assertEquals(behind.map((job) => job.id), [late.id]);
  const head = await db.store.claim({ ...request, leaseId: newId(), lanes: [fromHead(lane, 10)] });
  assertEquals(head.map((job) => job.id), [early.id]);
});

Deno.test("claim() does from each state what the machine does", async () => {
  await using db = await testDatabase();
  for (const state of JOB_STATES) {
    const job = buildJob();
    await db.store.insert([job]);
    await db.sql`update perdura.job set state = ${stateCode(state)} where id = ${job.id}`;
    const [got] = await claimAll(db.store, 1);
    const context = {
      attempt: 0,
      maxAttempts: 3,
      crashes: 0,
      maxCrashes: 3,
      cancelRequested: false,
    };
    const decided = transition({ state, context }, { type: "CLAIM" });
    assertEquals(decided.accepted, got !== undefined, state);
    assertEquals(decided.accepted, statesAccepting("CLAIM").includes(state));
    if (decided.accepted) {
      const stored = await db.store.get(null, job.id);
      assertEquals([stored?.state, stored?.attempt], [decided.to, decided.context.attempt]);
      const [, claim] = await db.store.history(stored!, 0, 10);
      assertEquals([claim?.event, claim?.to], ["CLAIM", decided.to]);
    }
    await db.sql`delete from perdura.job`;
  }
});

Deno.test("claim() writes one lease for the batch, and updates no index (HOT)", async () => {
  await using db = await testDatabase();
  await claimed(db.store, ...Array.from({ length: 100 }, () => buildJob()));
  const [lease] = await db.sql`
    select n_left, cardinality(ids) as ids, expires_at > now() as live,
           hard_until - claimed_at > interval '15 minutes' as hard from perdura.lease`;
  assertEquals({ ...lease }, { n_left: 100, ids: 100, live: true, hard: true });
  await db.sql`select pg_stat_force_next_flush()`;
  await db.store.close();
  const [stat] = await db.sql`
    select n_tup_upd::int as updated, n_tup_hot_upd::int as hot
      from pg_stat_user_tables where relname = 'job'`;
  assertEquals(stat?.updated, stat?.hot);
});

Deno.test("claim() leaves suspects to claims that ask for them alone", async () => {
  await using db = await testDatabase();
  const [suspect, plain] = [buildJob(), buildJob()];
  await db.store.insert([suspect, plain]);
  await db.sql`update perdura.job set crashes = 2 where id = ${suspect.id}`;
  assertEquals((await claimAll(db.store, 10)).map((job) => job.id), [plain.id]);
  const served = { types: ["debug.noop"], queues: null, partitionKey: null, except: [] };
  const [found] = await db.store.suspects(served, 10);
  assertEquals(found?.at.id, suspect.id);
  const lanes = [laneOf(suspect).lane];
  for (
    const other of [
      ...[{ types: ["other"] }, { queues: ["other"] }, { partitionKey: "other" }],
      { except: lanes },
    ]
  ) {
    assertEquals(await db.store.suspects({ ...served, ...other }, 10), []);
  }
  assertEquals((await db.store.suspects({ ...served, queues: ["default"] }, 10)).length, 1);
  const [alone] = await claimAll(db.store, 10, { alone: true });
  assertEquals(alone?.id, suspect.id);
  assertEquals(await db.store.suspects(served, 10), []);
});

Deno.test("claim() gives every job as it was stored, whatever it shares with the others of its claim", async () => {
  await using db = await testDatabase();
  const backoff = { baseMs: 5, factor: 2, capMs: 50 };
  const jobs = [
    buildJob(),
    buildJob({ payloadJson: '{"n":2}' }),
    buildJob({ runAt: "2020-01-01T00:00:00.000Z" }),
    ...[{ tenantId: "other" }, { queue: "mail" }, { type: "debug.sleep" }, { priority: 7 }].map(
      buildJob,
    ),
    ...[{ maxAttempts: 9 }, { maxCrashes: 8 }, { timeoutMs: 5_000 }].map(buildJob),
    buildJob({ tags: ["a", "b"], backoff, metadataJson: '{"by":"ada"}' }),
    buildJob({ payloadJson: JSON.stringify("\n\u001e\u001f ünïcödé \u{1f600}") }),
    buildJob({ payloadJson: JSON.stringify("large ".repeat(1_000)) }),
    buildJob({ payloadJson: JSON.stringify("larger ".repeat(1_000)), timeoutMs: 6_000 }),
  ];
  await db.store.insert(jobs);
  const [none] = await db.store.insert([buildJob({ queue: "none" })]);
  await db.sql`update perdura.job set payload = null where id = ${none?.id ?? ""}`;
  const leaseId = newId();
  const lanes = (await db.store.lanes()).map((lane) => fromHead(lane, 100));
  const request = { leaseId, worker: WORKER, leaseMs: 30_000, limit: 100, alone: false, lanes };
  const got = new Map((await db.store.claim(request)).map((job) => [job.id, job]));
  const again = new Map((await db.store.leased(leaseId)).map((job) => [job.id, job]));
  assertEquals(got.size, jobs.length + 1);
  assertEquals(got.get(none?.id ?? "")?.payload, null);
  for (const job of jobs) {
    for (const claimed of [got.get(job.id), again.get(job.id)]) {
      assert(claimed !== undefined);
      const { tenantId, queue, type, priority, maxAttempts, maxCrashes, timeoutMs } = job;
      assertEquals(
        { ...claimed, runAt: "" },
        {
          ...claimed,
          tenantId,
          queue,
          type,
          priority,
          maxAttempts,
          maxCrashes,
          timeoutMs,
          runAt: "",
        },
      );
      assertEquals([claimed.version, claimed.attempt, claimed.crashes], [2, 1, 0]);
      assertEquals(claimed.lane, laneOf(job).lane);
      assertEquals(claimed.payload, JSON.parse(job.payloadJson));
      assertEquals(claimed.tags, job.tags ?? []);
      assertEquals(claimed.backoff, job.backoff);
      assertEquals(claimed.metadata, JSON.parse(job.metadataJson ?? "null"));
    }
  }
  const stored = await db.sql`select id, run_at::text as at, created_at from perdura.job`;
  for (const { id, at, created_at } of stored) {
    assertEquals(got.get(id)?.runAt, at);
    assertEquals(got.get(id)?.createdAt, created_at);
  }
});

Deno.test("lanes() names every lane and priority once", async () => {
  await using db = await testDatabase();
  await db.store.insert([
    buildJob(),
    buildJob(),
    buildJob({ priority: 1 }),
    buildJob({ queue: "q2" }),
    buildJob({ tenantId: "t2", partitionKey: "p" }),
  ]);
  const lanes = await db.store.lanes();
  const names = lanes.map((l) => [l.tenantId, l.queue, l.partitionKey, l.priority].join("|"));
  assertEquals(names.sort(), [
    "default|default||0",
    "default|default||1",
    "default|q2||0",
    "t2|default|p|0",
  ]);
});
