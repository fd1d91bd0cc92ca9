/** Ordering keys: one job of a key at a time, in the order of the inserts, whatever happens in between. */
import { assertEquals } from "@std/assert";
import { newId } from "../../src/core/id.ts";
import type { JobInsert } from "../../src/core/job.ts";
import type { ClaimedJob } from "../../src/store/store.ts";
import type { JobEvent } from "../../machines/job.ts";
import { buildJob, changeFor, fromHead } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { untilBlocked } from "../support/locks.ts";
import finish from "../../sql/queries/finish.sql" with { type: "text" };
import finishLimited from "../../sql/queries/finish_limited.sql" with { type: "text" };
import commit from "../../sql/queries/commit.sql" with { type: "text" };
import insert from "../../sql/queries/insert.sql" with { type: "text" };
import insertLimited from "../../sql/queries/insert_limited.sql" with { type: "text" };

const DEAD: JobEvent = { type: "FAIL", retryable: false, when: { delayMs: 0 } };
const RETRY: JobEvent = { type: "FAIL", retryable: true, when: { delayMs: 60_000 } };

function ordered(orderingKey: string, overrides: Partial<JobInsert> = {}): JobInsert {
  return buildJob({ orderingKey, ...overrides });
}

async function claim(db: TestDatabase): Promise<ClaimedJob[]> {
  const lanes = (await db.store.lanes()).map((lane) => fromHead(lane, 100));
  const { jobs } = await db.store.gates.claim({
    ...{ leaseId: newId(), worker: newId(), leaseMs: 30_000, limit: 100, lanes, alone: false },
    tenantRate: null,
    only: null,
  });
  return [...jobs];
}

async function claimIds(db: TestDatabase): Promise<string[]> {
  return (await claim(db)).map(({ id }) => id);
}

async function end(db: TestDatabase, jobs: readonly ClaimedJob[], event: JobEvent): Promise<void> {
  assertEquals(await db.store.commit(newId(), jobs.map((job) => changeFor(job, event))), []);
}

async function cancel(db: TestDatabase, id: string): Promise<void> {
  const [row] = await db.sql`select * from perdura.job where id = ${id}`;
  const job = {
    ...(await db.store.get(null, id))!,
    leaseId: "",
    holdsSlots: false,
    lane: row?.lane,
  };
  const waiting = { ...job, createdAt: new Date(), tags: [] };
  const change = changeFor(waiting, { type: "CANCEL" }, { leaseId: null }, job.state);
  assertEquals(await db.store.commit(null, [change]), []);
}

/** A key of three jobs, of which the first is claimed. */
async function keyOfThree(db: TestDatabase, overrides: Partial<JobInsert> = {}) {
  const jobs = [ordered("k", overrides), ordered("k", overrides), ordered("k", overrides)];
  await db.store.insert(jobs);
  const [first, ...others] = await claim(db);
  assertEquals([first?.id, others.length], [jobs[0]!.id, 0]);
  return { ids: jobs.map(({ id }) => id), first: first! };
}

Deno.test("one job of a key after the other, in the order of the batch; other keys at the same time", async () => {
  await using db = await testDatabase();
  const jobs = Array.from({ length: 12 }, (_, n) => ordered(`k${n % 3}`));
  await db.store.insert(jobs);
  const started: string[] = [];
  for (let round = 0; round < 4; round++) {
    const claimed = await claim(db);
    assertEquals(claimed.length, 3);
    assertEquals(await claimIds(db), [], "nobody overtakes");
    started.push(...claimed.map(({ id }) => id));
    await end(db, claimed, { type: "SUCCEED" });
  }
  assertEquals(started, jobs.map(({ id }) => id));
  assertEquals([await count(db, "place"), await count(db, "job")], [0, 0]);
  const stored = await db.store.get(null, jobs[0]!.id);
  assertEquals([stored?.orderingKey, stored?.state], ["k0", "succeeded"]);
});

async function count(db: TestDatabase, table: "place" | "job" | "vacancy"): Promise<number> {
  const [row] = await db.sql`select count(*)::int as n from perdura.${db.sql(table)}`;
  return row?.n;
}

Deno.test("a job in retry and a job of later keep the others waiting", async () => {
  await using db = await testDatabase();
  const { ids, first } = await keyOfThree(db);
  await end(db, [first], RETRY);
  assertEquals(await claimIds(db), []);
  await db.sql`update perdura.job set run_at = now() where id = ${first.id}`;
  const [again] = await claim(db);
  assertEquals([again?.id, again?.attempt], [first.id, 2]);
  await end(db, [again!], { type: "SUCCEED" });
  assertEquals(await claimIds(db), [ids[1]]);
  await db.store.insert([ordered("later", { delayMs: 60_000 }), ordered("later")]);
  assertEquals(await claimIds(db), []);
});

Deno.test("a dead letter blocks its key until somebody unblocks, requeues or deletes it", async () => {
  for (const way of ["unblock", "requeue", "delete"] as const) {
    await using db = await testDatabase();
    const { ids, first } = await keyOfThree(db);
    await end(db, [first], DEAD);
    assertEquals(await claimIds(db), []);
    const [blocked] = await db.store.order.blocked("default", "", 10);
    assertEquals([blocked?.key, blocked?.jobId, blocked?.waiting], ["k", first.id, 2]);
    const turn = await db.store.order.turnOf("default", "k", ids[2]!);
    assertEquals(turn, { firstId: first.id, firstState: "dead_letter", ahead: 2 });
    const dead = (await db.store.get(null, first.id))!;
    if (way === "unblock") assertEquals(await db.store.order.unblock("default", "k"), first.id);
    else if (way === "delete") assertEquals(await db.store.remove(dead), true);
    else await requeue(db, first.id);
    await db.store.order.promote(100);
    assertEquals(await claimIds(db), [way === "requeue" ? first.id : ids[1]]);
    assertEquals(await db.store.order.blocked("default", "", 10), []);
    assertEquals(await db.store.order.unblock("default", "k"), null);
  }
});

async function requeue(db: TestDatabase, id: string): Promise<void> {
  const job = (await db.store.get(null, id))!;
  const { decision } = changeFor(
    { ...job, leaseId: "", holdsSlots: false, lane: "0", createdAt: new Date() },
    { type: "REQUEUE" },
    {},
    job.state,
  );
  assertEquals((await db.store.requeue(job, decision, "test")).outcome, "revived");
}

Deno.test("a dead letter that makes way comes back at the end", async () => {
  await using db = await testDatabase();
  const { ids, first } = await keyOfThree(db, { onDead: "skip" });
  await end(db, [first], DEAD);
  assertEquals(await db.store.order.blocked("default", "", 10), []);
  await requeue(db, first.id);
  await db.store.order.promote(100);
  for (const id of [ids[1], ids[2], ids[0]]) {
    const claimed = await claim(db);
    assertEquals(claimed.map((job) => job.id), [id]);
    await end(db, claimed, { type: "SUCCEED" });
  }
});

Deno.test("cancelled jobs leave their key, the first and one behind it", async () => {
  await using db = await testDatabase();
  const jobs = [ordered("k"), ordered("k"), ordered("k")];
  await db.store.insert(jobs);
  await cancel(db, jobs[1]!.id);
  await cancel(db, jobs[0]!.id);
  assertEquals(await claimIds(db), [jobs[2]!.id]);
});

Deno.test("of a statement that ends the first and blocks the second, the key stays blocked", async () => {
  await using db = await testDatabase();
  const { ids, first } = await keyOfThree(db);
  await end(db, [first], DEAD);
  await cancel(db, ids[1]!);
  await db.store.order.promote(100);
  assertEquals(await claimIds(db), []);
});

Deno.test("an insert that waited behind another one of its key starts nothing beside it", async () => {
  await using db = await testDatabase();
  const [a, b] = [ordered("k"), ordered("k")];
  await db.sql.begin(async (sql) => {
    await db.store.insertIn(
      (text, parameters) => sql.unsafe(text, [...parameters]) as never,
      [a!],
    );
    const second = db.store.insert([b!]);
    await untilBlocked(db.sql, 1);
    return { second };
  });
  await eventuallyStored(db, 2);
  await db.store.order.promote(100);
  assertEquals(await claimIds(db), [a!.id]);
});

async function eventuallyStored(db: TestDatabase, n: number): Promise<void> {
  while (await count(db, "job") < n) await new Promise((done) => setTimeout(done, 5));
}

Deno.test("an insert that does not see the end of the last job of its key is not forgotten", async () => {
  await using db = await testDatabase();
  const [a, b] = [ordered("k"), ordered("k")];
  await db.store.insert([a!]);
  const claimed = await claim(db);
  // The insert sees `a`, which ends before it commits; the end does not see `b`.
  const isEnded = Promise.withResolvers<void>();
  const isInserted = Promise.withResolvers<void>();
  const inserted = db.sql.begin(async (sql) => {
    await db.store.insertIn((text, parameters) => sql.unsafe(text, [...parameters]) as never, [b!]);
    isInserted.resolve();
    await isEnded.promise;
  });
  await isInserted.promise;
  await end(db, claimed, { type: "SUCCEED" });
  isEnded.resolve();
  await inserted;
  assertEquals(await claimIds(db), []);
  await db.store.order.promote(100);
  assertEquals(await claimIds(db), [b!.id]);
  assertEquals(await count(db, "vacancy"), 0);
});

Deno.test("the next job whose row is held is told later, and nobody waits for the other", async () => {
  await using db = await testDatabase();
  const { ids, first } = await keyOfThree(db);
  const release = Promise.withResolvers<void>();
  const holding = db.sql.begin(async (sql) => {
    await sql`select from perdura.job where id = ${ids[1]!} for update`;
    await release.promise;
  });
  while (true) {
    const [held] = await db.sql`
      select count(*)::int as n from (
        select from perdura.job where id = ${ids[1]!} for update skip locked) s`;
    if (held?.n === 0) break;
  }
  await end(db, [first], { type: "SUCCEED" });
  assertEquals(await count(db, "vacancy"), 1);
  release.resolve();
  await holding;
  await db.store.order.promote(100);
  assertEquals(await claimIds(db), [ids[1]]);
});

Deno.test("eight claims and ends at once: never two of a key, never out of order, none left", async () => {
  await using db = await testDatabase();
  const KEYS = 5;
  const jobs = Array.from({ length: 100 }, (_, n) => ordered(`k${n % KEYS}`));
  const inserting = (async () => {
    for (let n = 0; n < jobs.length; n += 10) await db.store.insert(jobs.slice(n, n + 10));
  })();
  const running = new Map<string, string>();
  const started: string[] = [];
  const keyOf = new Map(jobs.map(({ id, orderingKey }) => [id, orderingKey!]));
  const worker = async () => {
    while (started.length < jobs.length) {
      await db.store.order.promote(100);
      for (const job of await claim(db)) {
        const key = keyOf.get(job.id)!;
        assertEquals(running.get(key), undefined, "one at a time");
        running.set(key, job.id);
        started.push(job.id);
        await new Promise((done) => setTimeout(done, 1));
        running.delete(key);
        await end(db, [job], { type: "SUCCEED" });
      }
    }
  };
  await Promise.all([inserting, ...Array.from({ length: 8 }, worker)]);
  for (let k = 0; k < KEYS; k++) {
    const of = (id: string) => keyOf.get(id) === `k${k}`;
    assertEquals(started.filter(of), jobs.map(({ id }) => id).filter(of));
  }
});

/** Without comments and with single spaces. */
function plain(statement: string): string {
  return statement.replaceAll(/--.*$/gm, "").replaceAll(/\s+/g, " ").trim();
}

Deno.test("the copies of statements for jobs with keys say what the originals say", () => {
  const slots = /freed as \(.*?\), (?=emptied as)/;
  const order = /left_place as .*?(?=finished as)/;
  const columns = /, j\.ordering_key, j\.limit_key(?=\))|, ordering_key, limit_key/g;
  const place = /, \$10::tid\[\]|(?<=, big), tid|, r\.tid|j\.ctid = x\.tid and /g;
  const freed = plain(finishLimited);
  assertEquals(
    freed.replace(slots, "").replace(order, "").replaceAll(columns, ""),
    plain(finish).replace(place, ""),
  );
  const inCommit = /blocked as .*?\), (?=next as)/;
  const whose = " and (g.h = 1 or p.skips)";
  assertEquals(
    order.exec(plain(commit))?.[0].replace(inCommit, "").replace(whose, ""),
    order.exec(freed)?.[0],
  );
  // Each line of insert.sql that its copy lacks is one that the copy has changed on purpose.
  const copied = plain(insertLimited);
  for (const cte of ["mail as", "taken as", "big as", "counted as", "history as"]) {
    const part = new RegExp(`${cte} \\(.*?\\), (?=\\w+ as|select now)`);
    assertEquals(part.exec(copied)?.[0], part.exec(plain(insert))?.[0], cte);
  }
});
