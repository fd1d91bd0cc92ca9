/** The sweep: what died comes back, what lives is left alone, what cannot be moved is marked. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { UnavailableError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/id.ts";
import { over } from "../../src/core/over.ts";
import { sweep } from "../../src/runtime/sweeper.ts";
import type { Store } from "../../src/store/store.ts";
import { buildJob, changeFor, claimAll, claimed } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const SWEEPER = newId();

function sweepOnce(db: TestDatabase, sweeper = SWEEPER) {
  return sweep({ store: db.store, clock: systemClock, sweeper });
}

async function expireAll(db: TestDatabase): Promise<void> {
  await db.sql`update perdura.lease set expires_at = now() - interval '1 second'`;
}

Deno.test("sweep() brings back a job whose lease is over: a crash spent, the attempt refunded", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  assertEquals((await sweepOnce(db)).recovered, 0, "a live lease is left alone");
  await expireAll(db);
  assertEquals(await sweepOnce(db), { recovered: 1, quarantined: 0, due: 1 });
  const stored = await db.store.get(null, job!.id);
  assertEquals([stored?.state, stored?.attempt, stored?.crashes], ["retry", 0, 1]);
  assertEquals(stored?.lastError?.code, "lease_expired");
  const [, , row] = await db.store.history(stored!, 0, 10);
  assertEquals([row?.event, row?.from, row?.to], ["LEASE_EXPIRED", "running", "retry"]);
  assertEquals((await db.sql`select from perdura.lease`).length, 0);
  assertEquals((await claimAll(db.store, 1))[0]?.attempt, 1, "due at once");
});

Deno.test("sweep() gives up on the third crash, with cause poison", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  for (const alone of [false, true]) {
    await expireAll(db);
    await sweepOnce(db);
    assertEquals((await claimAll(db.store, 1, { alone })).length, 1);
  }
  await expireAll(db);
  await sweepOnce(db);
  const stored = await db.store.get(null, job!.id);
  assertEquals([stored?.state, stored?.crashes, stored?.attempt], ["dead_letter", 3, 0]);
  assertEquals(stored?.lastError?.code, "poison");
});

Deno.test("what fails in a sweep keeps nothing behind it from being done", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  await expireAll(db);
  await db.sql`
    insert into perdura.worker (id, beat_at, every_ms, version, types, machines, concurrency, running)
    values (${newId()}, now() - interval '2 days', 1, '', '{}', '{}', 1, 0)`;
  // One part behind the first, and one within the maintenance.
  const store = over<Store>(db.store, {
    overdueCancels: () => Promise.reject(new Error("the first that fails")),
  });
  await db.sql`alter table perdura.counter rename to counter_away`;
  let isAlsoDone = false;
  let isDueTold = false;
  const also = () => Promise.resolve(isAlsoDone = true);
  const totals = { recovered: 0, quarantined: 0 };
  const onDue = () => void (isDueTold = true);
  await assertRejects(
    () => sweep({ store, clock: systemClock, sweeper: SWEEPER, totals, onDue }, [also]),
    Error,
    "the first that fails",
  );
  assertEquals([totals.recovered, isDueTold], [1, true]);
  assertEquals((await db.store.get(null, job!.id))?.state, "retry");
  assertEquals((await db.sql`select from perdura.worker`).length, 0, "forgotten after a day");
  assert(isAlsoDone);
  await assertRejects(() => db.store.maintain());
});

Deno.test("recover() leaves a lease alone that was renewed after the sweeper looked", async () => {
  await using db = await testDatabase();
  const worker = newId();
  await db.store.insert([buildJob()]);
  const [job] = await claimAll(db.store, 1, { worker });
  await expireAll(db);
  const seen = await db.store.expired(10);
  assertEquals(seen.jobs.map((j) => j.id), [job!.id]);
  await db.sql`update perdura.lease set expires_at = now() + interval '1 minute'`;
  const [refusal] = await db.store.recover(SWEEPER, [changeFor(job!, { type: "LEASE_EXPIRED" })]);
  assertEquals(refusal?.reason, "lost");
  await db.store.dropLeases(seen.leaseIds);
  assertEquals((await db.store.get(null, job!.id))?.state, "running");
  assertEquals((await db.store.renew(worker, [job!.leaseId], 1000)).renewed, [job!.leaseId]);
});

Deno.test("recover() does not overwrite a job that ended meanwhile", async () => {
  await using db = await testDatabase();
  const worker = newId();
  await db.store.insert([buildJob(), buildJob()]);
  const [job] = await claimAll(db.store, 2, { worker });
  await expireAll(db);
  const late = changeFor(job!, { type: "LEASE_EXPIRED" });
  assertEquals(await db.store.commit(worker, [changeFor(job!, { type: "SUCCEED" })]), []);
  assertEquals((await db.store.recover(SWEEPER, [late]))[0]?.reason, "lost");
  assertEquals((await db.store.get(null, job!.id))?.state, "succeeded");
});

Deno.test("renew() never passes the longest timeout of the batch and the grace", async () => {
  await using db = await testDatabase();
  const worker = newId();
  await db.store.insert([buildJob({ timeoutMs: 1000 })]);
  const [job] = await claimAll(db.store, 1, { worker });
  await db.store.renew(worker, [job!.leaseId], 3_600_000);
  const [row] = await db.sql`select expires_at = hard_until as capped from perdura.lease`;
  assertEquals(row?.capped, true);
  assertEquals(
    (await db.store.renew(newId(), [job!.leaseId], 1000)).renewed,
    [],
    "another's lease",
  );
});

Deno.test("renew() never takes time away from who claimed for longer", async () => {
  await using db = await testDatabase();
  const worker = newId();
  await db.store.insert([buildJob()]);
  const [job] = await claimAll(db.store, 1, { worker, leaseMs: 600_000 });
  const [before] = await db.sql`select expires_at from perdura.lease`;
  assertEquals((await db.store.renew(worker, [job!.leaseId], 30_000)).renewed, [job!.leaseId]);
  const [after] = await db.sql`select expires_at from perdura.lease`;
  assertEquals(after?.expires_at, before?.expires_at);
});

Deno.test("sweep() cancels a job whose cancel request outlived its worker", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  await db.store.requestCancel((await db.store.get(null, job!.id))!);
  await expireAll(db);
  await sweepOnce(db);
  const stored = await db.store.get(null, job!.id);
  assertEquals([stored?.state, stored?.lastError?.message], ["cancelled", "Cancelled by user"]);
});

Deno.test("sweep() forces a cancel when its grace has ended, and forgets settled requests", async () => {
  await using db = await testDatabase();
  const [job, done] = await claimed(db.store, buildJob(), buildJob());
  for (const { id } of [job!, done!]) {
    await db.store.requestCancel((await db.store.get(null, id))!);
  }
  await db.store.commit(newId(), [changeFor(done!, { type: "SUCCEED" })]);
  await sweepOnce(db);
  assertEquals((await db.store.get(null, job!.id))?.state, "running", "the grace is not over");
  await db.sql`update perdura.cancel_request set requested_at = now() - interval '1 minute'`;
  await sweepOnce(db);
  assertEquals((await db.store.get(null, job!.id))?.state, "cancelled");
  assertEquals((await db.store.get(null, done!.id))?.state, "succeeded");
  await sweepOnce(db);
  assertEquals((await db.sql`select from perdura.cancel_request`).length, 0);
});

Deno.test("sweep() marks a job that cannot be moved, and goes on with its neighbours", async () => {
  await using db = await testDatabase();
  const [bad, good] = await claimed(db.store, buildJob(), buildJob());
  // A table that refuses this one row, as a broken constraint would.
  await db.sql.unsafe(
    `alter table perdura.job add constraint broken check (id <> '${bad!.id}' or crashes = 0)`,
  );
  await expireAll(db);
  assertEquals(await sweepOnce(db), { recovered: 1, quarantined: 1, due: 1 });
  assertEquals((await db.store.get(null, good!.id))?.state, "retry");
  const [mark] = await db.sql`select job_id, reason from perdura.quarantine`;
  assertEquals(mark?.job_id, bad!.id);
  assert(mark?.reason.includes("broken"));
  assertEquals(await sweepOnce(db), { recovered: 0, quarantined: 0, due: 0 });
  assertEquals((await db.store.expired(10)).leaseIds, [], "it hides no later lease");
  // Mended, it is moved at the next try, and the mark is gone.
  await db.sql`alter table perdura.job drop constraint broken`;
  await expireAll(db);
  assertEquals(await sweepOnce(db), { recovered: 1, quarantined: 0, due: 1 });
  assertEquals((await db.sql`select from perdura.quarantine`).length, 0);
});

Deno.test("a schema that is broken for all is no job's fate: everybody waits", async () => {
  await using db = await testDatabase();
  const worker = newId();
  await db.store.insert([buildJob()]);
  const [job] = await claimAll(db.store, 1, { worker });
  const change = changeFor(job!, { type: "SUCCEED" });
  await db.sql`alter table perdura.job_archive rename to hidden`;
  await assertRejects(() => db.store.commit(worker, [change]), UnavailableError);
  await db.sql`alter table perdura.hidden rename to job_archive`;
  assertEquals(await db.store.commit(worker, [change]), []);
  assertEquals((await db.store.get(null, job!.id))?.state, "succeeded");
});

Deno.test("three sweepers at once recover each job once", async () => {
  await using db = await testDatabase();
  const jobs = Array.from({ length: 200 }, () => buildJob());
  await db.store.insert(jobs);
  for (let n = 0; n < 20; n++) await claimAll(db.store, 10);
  await expireAll(db);
  const reports = await Promise.all([1, 2, 3].map(() => sweepOnce(db, newId())));
  assertEquals(reports.reduce((sum, report) => sum + report.recovered, 0), 200);
  const [row] = await db.sql`
    select count(*)::int as n, min(crashes)::int as low, max(crashes)::int as high from perdura.job`;
  assertEquals({ ...row }, { n: 200, low: 1, high: 1 });
});

Deno.test("maintain() adds the partitions of the days ahead", async () => {
  await using db = await testDatabase();
  const [tomorrow] = await db
    .sql`select to_char((now() at time zone 'utc')::date + 1, 'YYYYMMDD') as d`;
  const name = `perdura.transition_${tomorrow?.d}`;
  await db.sql.unsafe(`drop table ${name}`);
  await db.store.maintain();
  const [table] = await db.sql`select to_regclass(${name}) is not null as made`;
  assertEquals(table?.made, true);
});

Deno.test("few statistics are taken of a partition", async () => {
  await using db = await testDatabase();
  const targets = await db.sql`
    select distinct c.relname, a.attstattarget as target
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where i.inhparent in ('perdura.job_archive'::regclass, 'perdura.actor_step'::regclass)
       and c.relkind = 'r' and c.relname ~ '_[0-9]{8}$'`;
  assert(targets.length >= 2);
  for (const { relname, target } of targets) assertEquals([relname, target], [relname, 10]);
});

Deno.test("maintain() goes on when rows of a day to come lie in the default partition", async () => {
  await using db = await testDatabase();
  const [day] = await db.sql`
    select to_char((now() at time zone 'utc')::date + 3, 'YYYYMMDD') as d,
           (now() + interval '3 days')::text as at`;
  await db.sql.unsafe(`drop table perdura.transition_${day?.d}`);
  await db.sql`
    insert into perdura.transition (tenant_id, job_id, at, version, event, to_state, attempt)
    values ('default', gen_random_uuid(), ${day?.at}::text::timestamptz, 1, 0, 0, 0)`;
  await db.sql.unsafe(`drop table perdura.step_${day?.d}`);
  await db.store.maintain();
  const [made] = await db.sql`
    select to_regclass(${`perdura.step_${day?.d}`}) is not null as step,
           to_regclass(${`perdura.transition_${day?.d}`}) is null as refused`;
  assertEquals({ ...made }, { step: true, refused: true });
});
