/** Outcomes: the fence, the homes, batches that share no fate. */
import { assert, assertEquals } from "@std/assert";
import { newId } from "../../src/core/id.ts";
import type { JobEvent } from "../../machines/job.ts";
import { eventOf, stateOf } from "../../src/core/codes.ts";
import type { Change, ClaimedJob, Store } from "../../src/store/store.ts";
import { buildJob, changeFor, claimAll, claimed, eventually, fromHead } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { untilBlocked } from "../support/locks.ts";

const WORKER = newId();
const when = { delayMs: 60_000 };
const error = {
  name: "Error",
  message: "no",
  code: null,
  retryable: true,
  at: "2026-01-01T00:00:00Z",
};

Deno.test("commit() moves an ended job to its home, and get() finds it in each", async () => {
  await using db = await testDatabase();
  const [done, failed, dead] = await claimed(db.store, buildJob(), buildJob(), buildJob());
  assert(done && failed && dead);
  const refused = await db.store.commit(WORKER, [
    changeFor(done, { type: "SUCCEED" }, { output: '{"ok":true}' }),
    changeFor(failed, { type: "FAIL", retryable: true, when }, { error }),
    changeFor(dead, { type: "FAIL", retryable: false, when }, { error }),
  ]);
  assertEquals(refused, []);
  const [a, b, c] = await Promise.all([done, failed, dead].map((j) => db.store.get(null, j.id)));
  assertEquals([a?.state, a?.version, a?.output], ["succeeded", 3, { ok: true }]);
  assert(a?.finishedAt && a.startedAt && a.leaseOwner === null);
  const { fingerprint, ...told } = b?.lastError ?? {};
  assertEquals([b?.state, b?.version, told, b?.finishedAt], ["retry", 3, error, null]);
  assert(fingerprint !== undefined && fingerprint === c?.lastError?.fingerprint);
  assert(b && Date.parse(b.runAt) - Date.parse(b.createdAt) > 50_000);
  assertEquals([c?.state, c?.lastError?.message, c?.attempt], ["dead_letter", "no", 1]);
  const [left] = await db.sql`select count(*)::int as n from perdura.lease`;
  assertEquals(left?.n, 0, "the lease row ends with its last job");
});

Deno.test("commit() keeps a large output out of the archive row", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  const text = "y".repeat(4000);
  await db.store.commit(WORKER, [
    changeFor(job!, { type: "SUCCEED" }, { output: JSON.stringify({ text }) }),
  ]);
  assertEquals((await db.store.get(null, job!.id))?.output, { text });
  const [row] = await db.sql`select output from perdura.job_archive`;
  assertEquals(row?.output, null);
});

Deno.test("commit() refuses a version that has moved on, under a lease that still lives", async () => {
  await using db = await testDatabase();
  // Two jobs under one lease; one is cancelled by force, requeued and claimed by somebody else.
  const [job, sibling] = await claimed(db.store, buildJob(), buildJob());
  assert(job && sibling);
  await db.store.commit(newId(), [changeFor(job, { type: "CANCEL" })]);
  const stored = await db.store.get(null, job.id);
  const decision = changeFor(job, { type: "REQUEUE" }, {}, "cancelled").decision;
  assertEquals((await db.store.requeue(stored!, decision, "test")).outcome, "revived");
  const [second] = await claimAll(db.store, 1);
  assertEquals([second?.id, second?.version], [job.id, 5]);
  const late: JobEvent[] = [
    { type: "SUCCEED" },
    { type: "FAIL", retryable: false, when },
    { type: "FAIL", retryable: true, when },
  ];
  for (const event of late) {
    const [refusal] = await db.store.commit(WORKER, [changeFor(job, event)]);
    assertEquals(refusal?.reason, "lost");
    const after = await db.store.get(null, job.id);
    assertEquals([after?.state, after?.version], ["running", 5]);
  }
  assertEquals(await db.store.commit(WORKER, [changeFor(second!, { type: "SUCCEED" })]), []);
});

Deno.test("commit() refuses an outcome under a lease that a sweep has taken", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  await db.sql`update perdura.lease set expires_at = now() - interval '1 second'`;
  const expired = changeFor(job!, { type: "LEASE_EXPIRED" });
  assertEquals(await db.store.recover(newId(), [expired]), []);
  const [refusal] = await db.store.commit(WORKER, [changeFor(job!, { type: "SUCCEED" })]);
  assertEquals(refusal?.reason, "lost");
  assertEquals((await db.store.get(null, job!.id))?.state, "retry");
});

Deno.test("commit() sent twice is committed once, and the second is no refusal", async () => {
  await using db = await testDatabase();
  await db.store.insert([buildJob()]);
  const [job] = await claimAll(db.store, 1, { worker: WORKER });
  const change = changeFor(job!, { type: "SUCCEED" });
  assertEquals(await db.store.commit(WORKER, [change]), []);
  assertEquals(await db.store.commit(WORKER, [change]), []);
  assertEquals((await db.store.commit(newId(), [change]))[0]?.reason, "lost");
  const stored = await db.store.get(null, job!.id);
  assertEquals((await db.store.history(stored!, 0, 10)).length, 3);
});

Deno.test("history() tells what the job's row has forgotten, and what it still knows", async () => {
  await using db = await testDatabase();
  await db.store.insert([buildJob({ delayMs: 1 })]);
  const workers = [newId(), newId(), newId()];
  const events: JobEvent[] = [
    { type: "FAIL", retryable: true, when: { delayMs: 0 } },
    { type: "SNOOZE", when: { delayMs: 0 } },
    { type: "SUCCEED" },
  ];
  let id = "";
  for (const [index, event] of events.entries()) {
    const [job] = await eventually("it is due", () => claimIfDue(db.store, workers[index]!));
    id = job!.id;
    const running = await db.store.get(null, id);
    const [last] = (await db.store.history(running!, 0, 10)).slice(-1);
    assertEquals([last?.event, last?.worker, last?.at], [
      "CLAIM",
      workers[index],
      running?.startedAt,
    ]);
    assertEquals(await db.store.commit(workers[index]!, [changeFor(job!, event)]), []);
  }
  const job = (await db.store.get(null, id))!;
  const history = await db.store.history(job, 0, 20);
  assertEquals(history.map((h) => [h.version, h.from, h.event, h.to, h.attempt]), [
    [1, null, "ENQUEUE", "pending", 0],
    [2, "pending", "SCHEDULE", "scheduled", 0],
    [3, "scheduled", "CLAIM", "running", 1],
    [4, "running", "FAIL", "retry", 1],
    [5, "retry", "CLAIM", "running", 2],
    [6, "running", "SNOOZE", "scheduled", 1],
    [7, "scheduled", "CLAIM", "running", 2],
    [8, "running", "SUCCEED", "succeeded", 2],
  ]);
  const [first, second, third] = workers;
  const names = [null, null, first, first, second, second, third, third];
  assertEquals(history.map((h) => h.worker), names);
  assertEquals([history[6]?.at, history[7]?.at], [job.startedAt, job.finishedAt]);
  assertEquals(await db.store.history(job, 4, 2), history.slice(4, 6), "a page in the middle");
  const view = await db.sql`
    select version, event, from_state, to_state, attempt, worker from perdura.history
     where job_id = ${id} order by version`;
  assertEquals(
    view.map((row) => [row.version, eventOf(row.event), stateOf(row.to_state), row.worker]),
    history.map((h) => [h.version, h.event, h.to, h.worker]),
  );
  assertEquals(
    view.slice(1).map((row) => stateOf(row.from_state)),
    history.slice(1).map((h) => h.from),
  );
});

async function claimIfDue(store: Store, worker: string): Promise<ClaimedJob[] | null> {
  const jobs = await claimAll(store, 1, { worker });
  return jobs.length > 0 ? jobs : null;
}

Deno.test("commit() of a batch refuses only the row that PostgreSQL will not take", async () => {
  await using db = await testDatabase();
  const jobs = await claimed(db.store, ...Array.from({ length: 20 }, () => buildJob()));
  const changes = jobs.map((job, i) =>
    changeFor(job, { type: "SUCCEED" }, { output: i === 7 ? '{"no' : '"fine"' })
  );
  const refused = await db.store.commit(WORKER, changes);
  assertEquals(refused.map((r) => [r.change.id, r.reason]), [[jobs[7]!.id, "refused"]]);
  const [row] = await db.sql`select count(*)::int as n from perdura.job_archive`;
  assertEquals(row?.n, 19);
  assertEquals((await db.store.get(null, jobs[7]!.id))?.state, "running");
});

Deno.test("commit() tells of a cancel request that the runner did not know", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  const stored = await db.store.get(null, job!.id);
  const requestedAt = await db.store.requestCancel(stored!);
  const asked = await db.store.get(null, job!.id);
  assertEquals(asked?.cancelRequestedAt, requestedAt);
  assertEquals(asked?.version, 2, "a request is no transition");
  const fail = { type: "FAIL", retryable: true, when } as const;
  const [refusal] = await db.store.commit(WORKER, [changeFor(job!, fail, { cancelKnown: false })]);
  assertEquals(refusal?.reason, "cancel");
  const success = changeFor(job!, { type: "SUCCEED" });
  assertEquals(await db.store.commit(WORKER, [success]), [], "until the grace ends success wins");
});

Deno.test("commit() counts down a lease that ends in pieces", async () => {
  await using db = await testDatabase();
  const jobs = await claimed(db.store, ...Array.from({ length: 5 }, () => buildJob()));
  for (const [index, job] of jobs.entries()) {
    await db.store.commit(WORKER, [changeFor(job, { type: "SUCCEED" })]);
    const rows = await db.sql`select n_left from perdura.lease`;
    assertEquals(rows.map((row) => row.n_left), index === 4 ? [] : [4 - index]);
  }
});

Deno.test("commit() locks leases in id order: two batches cannot deadlock", async () => {
  await cannotDeadlock({ type: "SUCCEED" });
  await cannotDeadlock({ type: "FAIL", retryable: true, when });
});

async function cannotDeadlock(event: JobEvent): Promise<void> {
  await using db = await testDatabase();
  // Stored in the opposite order of their ids, so that a scan would meet the larger first.
  const [small, large] = [newId(), newId()];
  await db.store.insert([buildJob(), buildJob()]);
  const lanes = await db.store.lanes();
  const claim = async (leaseId: string) =>
    (await db.store.claim({
      leaseId,
      worker: WORKER,
      leaseMs: 30_000,
      limit: 1,
      alone: false,
      lanes: lanes.map((lane) => fromHead(lane, 1)),
    }))[0]!;
  const second = await claim(large);
  const first = await claim(small);
  const holder = await db.sql.reserve();
  await holder`begin`;
  await holder`select from perdura.lease where id = ${small} for update`;
  const batch: Change[] = [second, first].map((job) => changeFor(job, event));
  const committed = db.store.commit(WORKER, batch);
  await untilBlocked(db.sql);
  await holder`select from perdura.lease where id = ${large} for update`; // would be the deadlock
  await holder`commit`;
  holder.release();
  assertEquals(await committed, []);
  const [deadlocks] = await db.sql`
    select deadlocks::int as n from pg_stat_database where datname = current_database()`;
  assertEquals(deadlocks?.n, 0);
}

Deno.test("commit() finds a job whose row has moved since its claim", async () => {
  await using db = await testDatabase();
  const [moved, still, moving] = await claimed(db.store, buildJob(), buildJob(), buildJob());
  assert(moved && still && moving);
  const places = [moved, still, moving].map(({ ctid }) => ctid);
  assert(places.every((ctid) => /^\(\d+,\d+\)$/.test(ctid ?? "")), places.join());
  const tell = { half: true };
  await db.sql`update perdura.job set progress = ${db.sql.json(tell)} where id = ${moved.id}`;
  // One is told while the end waits for its row.
  const holder = await db.sql.reserve();
  await holder`begin`;
  await holder`update perdura.job set progress = ${db.sql.json(tell)} where id = ${moving.id}`;
  const changes = [moved, still, moving].map((job) => changeFor(job, { type: "SUCCEED" }));
  const committed = db.store.commit(WORKER, changes);
  await untilBlocked(db.sql);
  await holder`commit`;
  holder.release();
  assertEquals(await committed, []);
  const states = await Promise.all(changes.map(({ id }) => db.store.get(null, id)));
  assertEquals(states.map((job) => job?.state), ["succeeded", "succeeded", "succeeded"]);
  assertEquals((await db.sql`select from perdura.lease`).length, 0);
});

Deno.test("commit() refuses a row that has taken the place of its own", async () => {
  await using db = await testDatabase();
  const [job, other] = await claimed(db.store, buildJob(), buildJob());
  assert(job && other);
  const success = changeFor(job, { type: "SUCCEED" });
  assertEquals(await db.store.commit(WORKER, [success]), []);
  // Once more, of a version and in a place that a stranger has.
  assertEquals(other.version, job.version);
  const lost = { ...success, ctid: other.ctid };
  assertEquals((await db.store.commit(newId(), [lost])).map(({ reason }) => reason), ["lost"]);
  assertEquals((await db.store.get(null, other.id))?.state, "running");
});

Deno.test("commit() of an interrupted job keeps its place in the line", async () => {
  await using db = await testDatabase();
  const [first] = await claimed(db.store, buildJob());
  await db.store.insert([buildJob()]);
  await db.store.commit(WORKER, [changeFor(first!, { type: "INTERRUPTED" })]);
  const [again] = await claimAll(db.store, 1);
  assertEquals([again?.id, again?.attempt, again?.version], [first!.id, 1, 4]);
});

Deno.test("requeue() brings an ended job back once, its key with it", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob({ idempotencyKey: "k" }));
  await db.store.commit(WORKER, [changeFor(job!, { type: "FAIL", retryable: false, when })]);
  const dead = await db.store.get(null, job!.id);
  const decision = changeFor(job!, { type: "REQUEUE" }, {}, "dead_letter").decision;
  const both = await Promise.all([1, 2].map(() => db.store.requeue(dead!, decision, "test")));
  assertEquals(both.map((one) => one.outcome).sort(), ["moved", "revived"]);
  const back = await db.store.get(null, job!.id);
  assertEquals([back?.state, back?.version, back?.attempt, back?.idempotencyKey], [
    "pending",
    4,
    0,
    "k",
  ]);
});

Deno.test("requeue() does nothing at all when another job has the key now", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob({ idempotencyKey: "k" }));
  await db.store.commit(WORKER, [changeFor(job!, { type: "CANCEL" })]);
  await db.sql`update perdura.unique_key set expires_at = now() - interval '1 second'`;
  await db.store.insert([buildJob({ idempotencyKey: "k" })]);
  const ended = await db.store.get(null, job!.id);
  const decision = changeFor(job!, { type: "REQUEUE" }, {}, "cancelled").decision;
  assertEquals((await db.store.requeue(ended!, decision, "test")).outcome, "key_taken");
  assertEquals((await db.store.get(null, job!.id))?.state, "cancelled");
});

Deno.test("counts() agree with the rows, folded or not", async () => {
  await using db = await testDatabase();
  const jobs = await claimed(db.store, ...Array.from({ length: 10 }, () => buildJob()));
  await db.store.commit(WORKER, jobs.slice(0, 4).map((j) => changeFor(j, { type: "SUCCEED" })));
  const counted = async () =>
    Object.fromEntries((await db.store.counts(null)).map((c) => [c.state, c.count]));
  const before = await counted();
  assertEquals([before.running, before.succeeded, before.pending], [6, 4, 0]);
  await db.store.maintain();
  assertEquals(await counted(), before);
  const [rest] = await db.sql`select count(*)::int as n from perdura.counter_delta`;
  assertEquals(rest?.n, 0);
  assertEquals(await db.store.counts("nobody"), []);
});

Deno.test("a claim that a crash of the server forgot writes nothing under the version it had", async () => {
  await using db = await testDatabase();
  const [old] = await claimed(db.store, buildJob());
  // What such a crash leaves: job and lease as they were before the claim.
  await db.sql`delete from perdura.lease`;
  await db.sql`update perdura.job set state = 0, version = 1, attempt = 0, lease_id = null`;
  const [job] = await claimAll(db.store, 1);
  assertEquals([job?.id, job?.version], [old!.id, old!.version]);
  const [refusal] = await db.store.commit(WORKER, [changeFor(old!, { type: "SUCCEED" })]);
  assertEquals(refusal?.reason, "lost");
  const steps = [old!, job!].map((each, index) => {
    return { job: each, attempt: 1, name: `step ${index}`, json: "1" };
  });
  assertEquals(await db.store.saveSteps(steps), ["lost", "saved"]);
  assertEquals(await db.store.saveProgress(old!, "1"), false);
  assertEquals([...await db.store.steps(job!)], [["step 1", 1]]);
  assertEquals(await db.store.commit(WORKER, [changeFor(job!, { type: "SUCCEED" })]), []);
});

Deno.test("a step that PostgreSQL refuses is refused alone", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  const values = ["1", '"\\u0000"', "[2]"];
  const steps = values.map((json, index) => {
    return { job: job!, attempt: 1, name: `step ${index}`, json };
  });
  const fates = await db.store.saveSteps(steps);
  assertEquals(fates.map((fate) => typeof fate === "string" ? fate : "refused"), [
    "saved",
    "refused",
    "saved",
  ]);
  assertEquals([...(await db.store.steps(job!)).keys()], ["step 0", "step 2"]);
});
