/** Limits: what a gate lets pass, whoever asks at the same time, and what gives slots back. */
import { assert, assertEquals } from "@std/assert";
import { type GateName, type Limits, NO_LIMITS } from "../../src/core/gate.ts";
import { newId } from "../../src/core/id.ts";
import { openStore } from "../../src/store/open.ts";
import type { ClaimedJob, LimitedClaim, LimitedRequest } from "../../src/store/store.ts";
import { buildJob, changeFor, claimAll, fromHead } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { untilBlocked } from "../support/locks.ts";

const TENANT: GateName = { tenantId: "default", kind: "tenant", name: "" };
const QUEUE: GateName = { tenantId: "default", kind: "queue", name: "default" };
const TYPE: GateName = { tenantId: null, kind: "type", name: "debug.noop" };

/** Sets limits that hold at once: no process here is unaware of them. */
async function limit(db: TestDatabase, gate: GateName, limits: Partial<Limits>, periodMs = 60_000) {
  await db.store.gates.setLimits(gate, { ...NO_LIMITS, ...limits });
  await db.sql`
    update perdura.gate set period_ms = ${periodMs},
           settles_at = case when settles_at is not null then now() end`;
  await db.store.gates.settle();
}

/** A claim over all lanes there are. */
async function claimLimited(
  db: TestDatabase,
  limit: number,
  options: Partial<Pick<LimitedRequest, "tenantRate" | "only" | "leaseId">> = {},
): Promise<LimitedClaim> {
  const lanes = (await db.store.lanes()).map((lane) => fromHead(lane, limit));
  return await db.store.gates.claim({
    leaseId: newId(),
    worker: newId(),
    leaseMs: 30_000,
    limit,
    lanes,
    alone: false,
    tenantRate: null,
    only: null,
    ...options,
  });
}

/** Asks again while another claim is at a gate. */
async function claimPatiently(db: TestDatabase, limit: number): Promise<LimitedClaim> {
  while (true) {
    const claim = await claimLimited(db, limit);
    if (!claim.closed.some(({ why }) => why === "busy")) return claim;
  }
}

async function insert(db: TestDatabase, count: number, overrides = {}) {
  await db.store.insert(Array.from({ length: count }, () => buildJob(overrides)));
}

async function countSlots(db: TestDatabase): Promise<number> {
  const [row] = await db.sql`select coalesce(sum(n), 0)::int as n from perdura.slot`;
  return row?.n;
}

function whys({ closed }: LimitedClaim): string[] {
  return closed.map(({ kind, why }) => `${kind} ${why}`);
}

/** The most starts in any window of this length, by the times that the database has written. */
async function mostStarts(db: TestDatabase, windowMs: number): Promise<number> {
  const [row] = await db.sql`
    with start as (
      select at from perdura.history
       where event = (select code from perdura.event_name where name = 'CLAIM'))
    select coalesce(max(n), 0)::int as n from start a cross join lateral (
      select count(*) as n from start b
       where b.at >= a.at and b.at < a.at + ${windowMs} * interval '1 millisecond') w`;
  return row?.n;
}

Deno.test("a rate lets so many start in any window, and tells when the next may", async () => {
  await using db = await testDatabase();
  await insert(db, 30);
  await limit(db, TENANT, { ratePerMinute: 10 });
  const first = await claimLimited(db, 100);
  assertEquals(first.jobs.length, 10);
  assertEquals(whys(first), ["tenant rate"]);
  const ms = first.closed[0]?.ms ?? 0;
  assert(ms > 60_000 && ms <= 60_600, `${ms} ms`);
  const second = await claimLimited(db, 100);
  assertEquals([second.jobs.length, ...whys(second)], [0, "tenant rate"]);
  // Half a minute later nothing has come back; a little after the minute everything has.
  await db.sql`update perdura.gate set tick_at = array(select x - 50 from unnest(tick_at) x)`;
  assertEquals((await claimLimited(db, 100)).jobs.length, 0);
  await db.sql`update perdura.gate set tick_at = array(select x - 51 from unnest(tick_at) x)`;
  assertEquals((await claimLimited(db, 7)).jobs.length, 7);
  assertEquals((await claimLimited(db, 100)).jobs.length, 3);
  const [waiting] = await db.sql`
    select count(*)::int as n, max(attempt) as attempt from perdura.job where lease_id is null`;
  assertEquals([waiting?.n, waiting?.attempt], [10, 0], "who waits has spent nothing");
});

Deno.test("a burst of another size is a token bucket", async () => {
  await using db = await testDatabase();
  await insert(db, 100);
  await limit(db, TENANT, { ratePerMinute: 1, burst: 5 });
  assertEquals((await claimLimited(db, 100)).jobs.length, 5);
  const none = await claimLimited(db, 100);
  assertEquals(none.jobs.length, 0);
  const ms = none.closed[0]?.ms ?? 0;
  assert(ms > 0 && ms <= 60_000, `${ms} ms`);
  await db.sql`update perdura.gate set filled_at = filled_at - interval '3 minutes'`;
  assertEquals((await claimLimited(db, 100)).jobs.length, 3);
  await db.sql`update perdura.gate set filled_at = filled_at - interval '1 hour'`;
  assertEquals((await claimLimited(db, 100)).jobs.length, 5);
});

for (const kind of ["rate", "concurrency", "both"] as const) {
  Deno.test(`sixteen claims at once never pass a gate too often: ${kind}`, async () => {
    await using db = await testDatabase();
    await insert(db, 200);
    const allowed = { ratePerMinute: 10, concurrency: 10 };
    const { ratePerMinute, concurrency } = allowed;
    const limits = kind === "rate"
      ? { ratePerMinute }
      : kind === "concurrency"
      ? { concurrency }
      : allowed;
    await limit(db, TENANT, limits);
    const taken = await Promise.all(Array.from({ length: 16 }, async () => {
      let mine = 0;
      for (let round = 0; round < 10; round++) mine += (await claimLimited(db, 7)).jobs.length;
      return mine;
    }));
    assertEquals(taken.reduce((a, b) => a + b), 10);
    assertEquals(await countSlots(db), kind === "rate" ? 0 : 10);
  });
}

Deno.test("a claim holds its gates until its commit: the next one leaves them alone", async () => {
  await using db = await testDatabase();
  await insert(db, 30);
  await limit(db, TENANT, { ratePerMinute: 10 });
  // With the key of another's lease the first claim waits at its very end, with its gates.
  const leaseId = newId();
  const other = await db.sql.reserve();
  await other`begin`;
  await other`
    insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
    values (${leaseId}, ${newId()}, now(), now(), now(), 1, '{}', '{}')`;
  const first = claimLimited(db, 7, { leaseId });
  await untilBlocked(db.sql);
  const second = claimLimited(db, 7);
  await Promise.race([second, untilBlocked(db.sql, 2)]);
  await other`rollback`;
  other.release();
  const claims = await Promise.all([first, second]);
  assertEquals(claims.map(({ jobs }) => jobs.length), [7, 0]);
  assertEquals(whys(claims[1]), ["tenant busy"]);
});

Deno.test("a claim whose snapshot has not seen the latest slots takes none", async () => {
  await using db = await testDatabase();
  await insert(db, 30);
  await limit(db, TENANT, { concurrency: 3 });
  // Between its snapshot and the lock of the gate, the slow one waits for an advisory lock.
  await db.sql.unsafe(`
    create function perdura.stall() returns boolean language plpgsql volatile as $$ begin
      if current_setting('application_name') = 'slow' then
        perform pg_advisory_lock_shared(7), pg_advisory_unlock_shared(7);
      end if;
      return true;
    end $$;
    alter table perdura.gate rename to gate_row;
    create view perdura.gate as select * from perdura.gate_row where perdura.stall()`);
  const slow = { ...db, store: openStore({ url: db.url, name: "slow" }) };
  const other = await db.sql.reserve();
  await other`select pg_advisory_lock(7)`;
  const late = claimLimited(slow, 7);
  await untilBlocked(db.sql);
  assertEquals((await claimLimited(db, 7)).jobs.length, 3);
  await other`select pg_advisory_unlock(7)`;
  other.release();
  const claim = await late.finally(() => slow.store.close());
  assertEquals([claim.jobs.length, ...whys(claim)], [0, "tenant busy"]);
});

Deno.test("claims that pass and end at once never run more than the slots there are", async () => {
  await using db = await testDatabase();
  await insert(db, 120);
  await limit(db, QUEUE, { concurrency: 3 });
  let done = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (done < 120) {
      const { jobs } = await claimLimited(db, 2);
      const changes = jobs.map((job) => changeFor(job, { type: "SUCCEED" }));
      assertEquals(await db.store.commit(null, changes), []);
      done += jobs.length;
    }
  }));
  // A job ends at the beginning of the statement that gives its slot back, or later.
  const [row] = await db.sql`
    select max(n)::int as most from perdura.job_archive a cross join lateral (
      select count(*) as n from perdura.job_archive b
       where b.started_at <= a.started_at and b.finished_at > a.started_at) w`;
  assert(row?.most <= 3, `${row?.most} at once`);
  assertEquals(await countSlots(db), 0);
});

Deno.test("a job passes all of its gates or none", async () => {
  await using db = await testDatabase();
  await insert(db, 10, { queue: "a" });
  await insert(db, 10, { queue: "b" });
  await limit(db, TENANT, { concurrency: 5 });
  await limit(db, { ...QUEUE, name: "a" }, { concurrency: 2 });
  await limit(db, TYPE, { ratePerMinute: 4 });
  const first = await claimLimited(db, 100);
  assertEquals(first.jobs.length, 4);
  assertEquals(whys(first).sort(), ["queue slots", "type rate"]);
  assertEquals(first.jobs.filter(({ queue }) => queue === "a").length, 2, "lanes take turns");
  assertEquals(await countSlots(db), 4 + 2);
  await limit(db, TYPE, { ratePerMinute: 1_000 });
  const second = await claimLimited(db, 100);
  assertEquals(second.jobs.map(({ queue }) => queue), ["b"]);
  assertEquals(whys(second).sort(), ["queue slots", "tenant slots"]);
});

Deno.test("a claim tells which lanes have more than their gates let pass", async () => {
  await using db = await testDatabase();
  await insert(db, 3, { queue: "a" });
  await insert(db, 1, { queue: "b" });
  await limit(db, TENANT, { concurrency: 2 });
  const { jobs, cut } = await claimLimited(db, 100);
  assertEquals(jobs.map(({ queue }) => queue).sort(), ["a", "b"]);
  assertEquals(cut.length, 1);
});

/** Each way in which an attempt ends, and what is left of its slot. */
const ends: Readonly<Record<string, (db: TestDatabase, job: ClaimedJob) => Promise<unknown>>> = {
  success: (db, job) => db.store.commit(null, [changeFor(job, { type: "SUCCEED" })]),
  "a success in its own transaction": (db, job) =>
    db.store.transaction(
      { worker: newId(), tenantId: "default" },
      () => Promise.resolve(null),
      () => {
        return changeFor(job, { type: "SUCCEED" });
      },
    ),
  failure: (db, job) => commit(db, job, { type: "FAIL", retryable: false, when: { delayMs: 0 } }),
  "a failure that is retried": (db, job) =>
    commit(db, job, { type: "FAIL", retryable: true, when: { delayMs: 60_000 } }),
  snooze: (db, job) => commit(db, job, { type: "SNOOZE", when: { delayMs: 60_000 } }),
  interruption: (db, job) => commit(db, job, { type: "INTERRUPTED" }),
  cancel: (db, job) => commit(db, job, { type: "CANCEL" }),
  // Of a sweep, that which recovers: what it tidies would make up for slots that this forgets.
  "the expiry of its lease": async (db, job) => {
    await db.sql`update perdura.lease set expires_at = now() - interval '1 second'`;
    const change = changeFor(job, { type: "LEASE_EXPIRED" });
    assertEquals(await db.store.recover(newId(), [change]), []);
  },
};

function commit(db: TestDatabase, job: ClaimedJob, event: Parameters<typeof changeFor>[1]) {
  return db.store.commit(null, [changeFor(job, event)]);
}

for (const [name, end] of Object.entries(ends)) {
  Deno.test(`the end of an attempt gives back slots: ${name}`, async () => {
    await using db = await testDatabase();
    await limit(db, QUEUE, { concurrency: 1 });
    await insert(db, 1);
    const [job] = (await claimLimited(db, 10)).jobs;
    assertEquals([job?.holdsSlots, await countSlots(db)], [true, 1]);
    await insert(db, 1);
    assertEquals((await claimLimited(db, 10)).jobs, []);
    await end(db, job!);
    assertEquals(await countSlots(db), 0);
    assertEquals((await claimLimited(db, 10)).jobs.length, 1);
  });
}

Deno.test("jobs of one lease that end at the same time give back a slot each", async () => {
  await using db = await testDatabase();
  await limit(db, QUEUE, { concurrency: 5 });
  await insert(db, 10);
  const { jobs } = await claimLimited(db, 10);
  const other = await db.sql.reserve();
  await other`begin`;
  await other`select from perdura.lease for update`;
  const [first, second, third, ...rest] = jobs;
  const ends = [
    commit(db, first!, { type: "SUCCEED" }),
    commit(db, second!, { type: "FAIL", retryable: true, when: { delayMs: 60_000 } }),
    commit(db, third!, { type: "SUCCEED" }),
  ];
  await untilBlocked(db.sql);
  await other`rollback`;
  other.release();
  assertEquals(await Promise.all(ends), [[], [], []]);
  assertEquals(await countSlots(db), 2);
  const changes = rest.map((job) => changeFor(job, { type: "SUCCEED" }));
  assertEquals(await db.store.commit(null, changes), []);
  assertEquals((await db.sql`select from perdura.slot`).length, 0);
});

Deno.test("a lease without jobs takes its slots along", async () => {
  await using db = await testDatabase();
  await limit(db, QUEUE, { concurrency: 1 });
  await insert(db, 1);
  const [job] = (await claimLimited(db, 10)).jobs;
  await db.sql`delete from perdura.job`;
  await db.sql`update perdura.lease set expires_at = now() - interval '1 second'`;
  await db.store.dropLeases([job!.leaseId]);
  assertEquals(await countSlots(db), 0);
});

Deno.test("slots whose lease is gone are forgotten by the next sweep", async () => {
  await using db = await testDatabase();
  await db.sql`
    insert into perdura.slot (tenant_id, kind, name, lease_id, n, taken_at)
    values ('default', 0, '', gen_random_uuid(), 2, now())`;
  await db.store.maintain();
  assertEquals([...await db.sql`select lease_id from perdura.slot`], []);
});

Deno.test("jobs of one claim, ended by requests of their tenants, give back all slots", async () => {
  await using db = await testDatabase();
  await limit(db, TYPE, { concurrency: 5 });
  await insert(db, 2, { tenantId: "a" });
  await insert(db, 2, { tenantId: "b" });
  await limit(db, { tenantId: "b", kind: "tenant", name: "" }, { concurrency: 5 });
  const { jobs } = await claimLimited(db, 10);
  const left = [];
  for (const job of jobs.toSorted((x, y) => x.tenantId < y.tenantId ? 1 : -1)) {
    const end = () => commit(db, job, { type: "SUCCEED" });
    assertEquals(await db.store.within(job.tenantId, end), []);
    left.push(await countSlots(db));
  }
  assertEquals(left, [4, 2, 1, 0]);
  assertEquals((await db.sql`select from perdura.slot`).length, 0);
});

Deno.test("the jobs of a lost answer say that they hold slots", async () => {
  await using db = await testDatabase();
  await limit(db, QUEUE, { concurrency: 1 });
  await insert(db, 1);
  const [job] = (await claimLimited(db, 10)).jobs;
  assertEquals((await db.store.leased(job!.leaseId)).map((j) => j.holdsSlots), [true]);
});

Deno.test("a paused gate lets nobody pass; a resumed one does", async () => {
  await using db = await testDatabase();
  await insert(db, 2);
  for (const gate of [TENANT, QUEUE, TYPE, { ...TYPE, tenantId: "default" }]) {
    await db.store.gates.setPause(gate, true, false);
    const { jobs, closed } = await claimLimited(db, 10);
    assertEquals([jobs.length, closed.map(({ why }) => why)], [0, ["paused"]]);
    await db.store.gates.setPause(gate, false, false);
  }
  assertEquals((await claimLimited(db, 10)).jobs.length, 2);
});

Deno.test("what runs when a limit is set counts until it ends, whoever claimed it", async () => {
  await using db = await testDatabase();
  await insert(db, 2);
  const guests = await claimAll(db.store, 2);
  await insert(db, 5);
  await db.store.gates.setLimits(QUEUE, { ...NO_LIMITS, concurrency: 3 });
  const settling = await claimLimited(db, 10);
  assertEquals([settling.jobs.length, ...whys(settling)], [0, "queue settling"]);
  await db.sql`update perdura.gate set settles_at = settles_at + interval '1 hour'`;
  assertEquals(await db.store.gates.settle(), 0, "not before every process knows");
  await db.sql`update perdura.gate set settles_at = now()`;
  assertEquals(await db.store.gates.settle(), 1);
  assertEquals((await claimLimited(db, 10)).jobs.length, 1);
  assertEquals((await claimLimited(db, 10)).jobs.length, 0);
  await db.store.commit(null, guests.map((job) => changeFor(job, { type: "SUCCEED" })));
  assertEquals((await claimLimited(db, 10)).jobs.length, 2);
  assertEquals((await claimLimited(db, 10)).jobs.length, 0);
  assertEquals(await countSlots(db), 3);
});

Deno.test("a smaller limit holds at once: no start until it has room", async () => {
  await using db = await testDatabase();
  await insert(db, 10);
  await limit(db, QUEUE, { concurrency: 5 });
  const { jobs } = await claimLimited(db, 5);
  await db.store.gates.setLimits(QUEUE, { ...NO_LIMITS, concurrency: 2 });
  await db.store.commit(null, jobs.slice(0, 3).map((job) => changeFor(job, { type: "SUCCEED" })));
  assertEquals((await claimLimited(db, 10)).jobs.length, 0);
  await db.store.commit(null, jobs.slice(3).map((job) => changeFor(job, { type: "SUCCEED" })));
  assertEquals((await claimLimited(db, 10)).jobs.length, 2);
});

Deno.test("no window has more starts than the rate, with eight claimers for many periods", async () => {
  await using db = await testDatabase();
  await insert(db, 400);
  await limit(db, TENANT, { ratePerMinute: 40 }, 1_000);
  let jobs = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    // Three periods' starts and one more: the fourth period has begun, however fast the machine is.
    while (jobs <= 120) {
      const claim = await claimLimited(db, 3);
      jobs += claim.jobs.length;
      await db.store.commit(null, claim.jobs.map((job) => changeFor(job, { type: "SUCCEED" })));
    }
  }));
  const most = await mostStarts(db, 1_000);
  assert(most <= 40, `${most} starts in a period`);
});

Deno.test("tenants without a rate of their own have the default, once they have a gate", async () => {
  await using db = await testDatabase();
  await insert(db, 5, { tenantId: "a" });
  await insert(db, 5, { tenantId: "b" });
  assertEquals((await claimLimited(db, 10, { tenantRate: 2 })).jobs.length, 0);
  await db.store.gates.open(["a", "b"]);
  await db.store.gates.setLimits({ ...TENANT, tenantId: "b" }, { ...NO_LIMITS, ratePerMinute: 4 });
  await db.sql`update perdura.gate set settles_at = null`;
  const { jobs } = await claimLimited(db, 10, { tenantRate: 2 });
  assertEquals(jobs.map(({ tenantId }) => tenantId).sort().join(""), "aabbbb");
});

Deno.test("what a handler declares holds until an operator says otherwise", async () => {
  await using db = await testDatabase();
  const { gates } = db.store;
  const limits = { ratePerMinute: 5, burst: null, concurrency: 2 };
  assertEquals(await gates.declare([{ type: "a", limits }, { type: "b", limits: null }]), true);
  assertEquals(await gates.declare([{ type: "a", limits }, { type: "b", limits: null }]), false);
  const read = async () => (await gates.states([{ ...TYPE, name: "a" }], 0))[0];
  assertEquals([(await read())?.concurrency, (await read())?.isDeclared], [2, true]);
  await gates.declare([{ type: "a", limits: { ...limits, concurrency: 9 } }]);
  assertEquals((await read())?.concurrency, 9);
  await gates.setLimits({ ...TYPE, name: "a" }, { ...NO_LIMITS, concurrency: 7 });
  assertEquals(await gates.declare([{ type: "a", limits }]), false);
  assertEquals([(await read())?.concurrency, (await read())?.isDeclared], [7, false]);
});

Deno.test("processes are told of changes by their number, and of nothing when there are none", async () => {
  await using db = await testDatabase();
  const { gates } = db.store;
  const before = await gates.read(null);
  assertEquals(before?.gates, []);
  assertEquals(await gates.read(before!.change), null);
  await gates.setLimits(QUEUE, { ...NO_LIMITS, concurrency: 3, weight: 4 });
  const after = await gates.read(before!.change);
  assertEquals(after?.gates.map((g) => [g.kind, g.name, g.concurrency, g.weight]), [
    ["queue", "default", 3, 4],
  ]);
  assert(typeof after?.gates[0]?.settlesInMs === "number");
  await insert(db, 1);
  await db.sql`update perdura.gate set settles_at = null`;
  await claimLimited(db, 1);
  assertEquals(await gates.read(after!.change), null, "claims change nothing that is set");
});

Deno.test("a gate tells how it stands: who holds its slots, when its rate is refilled", async () => {
  await using db = await testDatabase();
  await insert(db, 5);
  await limit(db, QUEUE, { concurrency: 3, ratePerMinute: 3 });
  const { jobs } = await claimLimited(db, 10);
  const [state] = await db.store.gates.states([QUEUE, TENANT], 2);
  assertEquals([state?.running, state?.holders.length], [3, 2]);
  assert(jobs.some(({ id }) => id === state?.holders[0]?.id));
  assert(state?.holders[0]?.worker);
  const waitMs = Date.parse(state?.refillAt ?? "") - Date.now();
  assert(waitMs > 20_000 && waitMs < 65_000, `${waitMs} ms`);
});

Deno.test("a claim of one job by name passes the same gates", async () => {
  await using db = await testDatabase();
  const jobs = [buildJob(), buildJob(), buildJob()];
  await db.store.insert(jobs);
  await limit(db, QUEUE, { concurrency: 1 });
  const [, second, third] = jobs;
  const stale = await claimLimited(db, 1, { only: { id: second!.id, version: 2 } });
  assertEquals([stale.jobs, stale.closed], [[], []]);
  const claim = await claimLimited(db, 1, { only: { id: second!.id, version: 1 } });
  assertEquals(claim.jobs.map(({ id }) => id), [second!.id]);
  assertEquals((await claimLimited(db, 1, { only: { id: third!.id, version: 1 } })).jobs, []);
});

Deno.test("a claim leaves a gate alone that another one is at", async () => {
  await using db = await testDatabase();
  await insert(db, 5);
  await insert(db, 5, { queue: "free" });
  await limit(db, QUEUE, { concurrency: 3 });
  const other = await db.sql.reserve();
  await other`begin`;
  await other`select from perdura.gate for update`;
  const claim = await claimLimited(db, 10);
  assertEquals(claim.jobs.map(({ queue }) => queue), Array(5).fill("free"));
  assertEquals(whys(claim), ["queue busy"]);
  await other`rollback`;
  other.release();
  assertEquals((await claimPatiently(db, 10)).jobs.length, 3);
});
