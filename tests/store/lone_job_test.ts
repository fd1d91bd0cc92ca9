/** A job that comes alone is stored by a statement of its own: as those that come together are. */
import { assertEquals } from "@std/assert";
import * as sql from "../../sql/mod.ts";
import { newId } from "../../src/core/id.ts";
import { insertStatement } from "../../src/store/inserting.ts";
import { buildJob } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const UNUSUAL = {
  ...{ tenantId: 'a"b\\c', queue: 'q "1"', type: "debug.noop", partitionKey: "p\n", priority: -3 },
  ...{ maxAttempts: 7, maxCrashes: 2, timeoutMs: 5_000, payloadJson: '{"a":"\\n\\u001f{}\\""}' },
};

const jobOf = () => buildJob(UNUSUAL);

/** All that is stored of jobs, leases and counts, but what is each one's own. */
async function stored({ sql }: TestDatabase) {
  const jobs = await sql`
    select to_jsonb(j) - '{id,run_at,created_at,started_at,lease_id}'::text[] as row,
           run_at = created_at as is_due, started_at = created_at as is_started, lease_id is null as is_free
      from perdura.job j`;
  const counts = await sql`
    select tenant_id, queue, from_state, to_state, sum(n)::int as n from perdura.counter_delta group by 1, 2, 3, 4`;
  const leases = await sql`
    select worker, n_left, holds_slots, tenants, cardinality(ids) as ids, expires_at - claimed_at as lasts,
           hard_until - claimed_at as most
      from perdura.lease`;
  const distinct = new Set([...jobs].map((job) => JSON.stringify(job)));
  await sql`truncate perdura.job, perdura.lease, perdura.counter_delta`;
  return { jobs: [...distinct].map((text) => JSON.parse(text)), counts: [...counts], leases };
}

Deno.test("a job that comes alone leaves the rows of one that comes with another", async () => {
  await using db = await testDatabase();
  await db.store.insert([jobOf()]);
  const alone = await stored(db);
  await db.store.insert([jobOf(), jobOf()]);
  const together = await stored(db);
  assertEquals(alone.jobs, together.jobs);
  assertEquals(alone.jobs.length, 1);
  assertEquals(alone.counts.map((count) => ({ ...count, n: 2 })), together.counts);
});

Deno.test("so does a job of a request, which names its tenant to the wall", async () => {
  await using db = await testDatabase();
  const ofRequest = () => ({ ...jobOf(), tenantId: "a" });
  const tenants = new Set(["a"]);
  assertEquals(insertStatement([ofRequest()], false, '{"a"}').text, sql.insertOne);
  await db.store.enter([ofRequest()], [], tenants);
  const alone = await stored(db);
  await db.store.enter([ofRequest(), ofRequest()], [], tenants);
  const together = await stored(db);
  assertEquals(alone.jobs, together.jobs);
  assertEquals(alone.jobs.length, 1);
  assertEquals(alone.counts.map((count) => ({ ...count, n: 2 })), together.counts);
});

Deno.test("a job that is started alone leaves the rows of one that is started with another", async () => {
  await using db = await testDatabase();
  const lease = () => ({ leaseId: newId(), worker, leaseMs: 30_000, gateChange });
  const worker = newId();
  const gateChange = (await db.store.gates.read(null))?.change ?? "";
  const job = jobOf();
  const [started] = await db.store.enterStarted([job], lease()) ?? [];
  assertEquals([started?.id, started?.version, started?.attempt], [job.id, 2, 1]);
  const alone = await stored(db);
  await db.store.enterStarted([jobOf(), jobOf()], lease());
  const together = await stored(db);
  assertEquals(alone.jobs, together.jobs);
  assertEquals(alone.jobs.length, 1);
  const doubled = alone.leases.map((one) => ({
    ...{ ...one, n_left: 2, ids: 2 },
    tenants: [...one.tenants, ...one.tenants],
  }));
  assertEquals(doubled, [...together.leases]);
  assertEquals(alone.counts.map((count) => ({ ...count, n: 2 })), together.counts);
});

Deno.test("a job that is started alone is not stored by who knows an older change of the gates", async () => {
  await using db = await testDatabase();
  const change = (await db.store.gates.read(null))?.change ?? "";
  const lease = { leaseId: newId(), worker: newId(), leaseMs: 30_000 };
  const older = String(Number(change) - 1);
  assertEquals(await db.store.enterStarted([jobOf()], { ...lease, gateChange: older }), null);
  const { jobs, counts, leases } = await stored(db);
  assertEquals([jobs.length, counts.length, leases.length], [0, 0, 0]);
  assertEquals(
    (await db.store.enterStarted([jobOf()], { ...lease, gateChange: change }))?.length,
    1,
  );
});
