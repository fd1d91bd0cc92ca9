/** Answers that were lost on the way: read back, never sent blindly again. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { UnavailableError, UnknownResultError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/id.ts";
import { Database } from "../../src/store/database.ts";

import { openStore } from "../../src/store/open.ts";
import { buildJob, changeFor, claimAll, eventually, fromHead } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { Proxy, type ProxyMode } from "../support/proxy.ts";

const WORKER = newId();

/** A store of one connection through a proxy; the next answer of the server is cut off. */
async function cutting(
  run: (context: {
    db: Awaited<ReturnType<typeof testDatabase>>;
    store: ReturnType<typeof openStore>;
    proxy: Proxy;
    cutNext: (then?: ProxyMode) => void;
  }) => Promise<void>,
) {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const store = openStore({ url: proxy.url, connections: 1 });
  const cutNext = (then: ProxyMode = "forward") => {
    proxy.mode = "cut_on_reply";
    const watch = setInterval(() => {
      if (proxy.swallowed === 0) return;
      proxy.mode = then;
      clearInterval(watch);
    }, 1);
  };
  try {
    await store.insert([buildJob()]); // connected, the tenant is known
    await claimAll(store, 10, { leaseMs: 60_000 });
    await db.sql`delete from perdura.job`;
    await db.sql`delete from perdura.lease`;
    await run({ db, store, proxy, cutNext });
  } finally {
    await store.close();
  }
}

Deno.test("insert() whose answer was lost stores the job once", async () => {
  await cutting(async ({ db, store, proxy, cutNext }) => {
    const job = buildJob({ idempotencyKey: "k" });
    cutNext();
    assertEquals(await store.insert([job]), [{ id: job.id, created: true, differs: false }]);
    assert(proxy.swallowed > 0, "the answer was not lost");
    const [row] = await db.sql`select count(*)::int as n from perdura.job`;
    assertEquals(row?.n, 1);
    const stored = await db.store.get(null, job.id);
    assertEquals((await db.store.history(stored!, 0, 10)).length, 1);
  });
});

Deno.test("insert() does not store again what has run and been archived meanwhile", async () => {
  await cutting(async ({ db, store, proxy, cutNext }) => {
    const job = buildJob();
    cutNext("stall"); // the answer is lost, and the way back is closed for a while
    const inserted = store.insert([job]);
    const [claimed] = await eventually("the job is claimed", async () => {
      const jobs = await claimAll(db.store, 1);
      return jobs.length > 0 && jobs;
    });
    await db.store.commit(WORKER, [changeFor(claimed!, { type: "SUCCEED" })]);
    proxy.mode = "forward";
    assertEquals((await inserted)[0]?.created, true);
    const [live] = await db.sql`select count(*)::int as n from perdura.job`;
    assertEquals([live?.n, (await db.store.get(null, job.id))?.state], [0, "succeeded"]);
  });
});

Deno.test("the jobs of a claim whose answer was lost are found by its lease", async () => {
  await cutting(async ({ db, store, proxy, cutNext }) => {
    await db.store.insert([buildJob(), buildJob()]);
    const lanes = (await store.lanes()).map((lane) => fromHead(lane, 10));
    cutNext();
    const request = { leaseId: newId(), worker: WORKER, leaseMs: 30_000, limit: 10, alone: false };
    await assertRejects(() => store.claim({ ...request, lanes }), UnknownResultError);
    const jobs = await store.leased(request.leaseId);
    assert(proxy.swallowed > 0, "the answer was not lost");
    assertEquals(jobs.length, 2);
    assertEquals(jobs.map((job) => [job.version, job.attempt]), [[2, 1], [2, 1]]);
  });
});

Deno.test("commit() whose answer was lost is no lost lease, and is committed once", async () => {
  await cutting(async ({ db, store, proxy, cutNext }) => {
    await db.store.insert([buildJob()]);
    const [job] = await claimAll(db.store, 1);
    cutNext();
    assertEquals(await store.commit(WORKER, [changeFor(job!, { type: "SUCCEED" })]), []);
    assert(proxy.swallowed > 0, "the answer was not lost");
    const stored = await db.store.get(null, job!.id);
    assertEquals([stored?.state, stored?.version], ["succeeded", 3]);
  });
});

Deno.test("a server that cannot be heard rejects every call at the deadline, and later works", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const database = new Database({ url: proxy.url, connections: 2, deadlineMs: 300 });
  // Only what is held back has to wait for the deadline: a slow machine may miss it any time.
  const answers = () =>
    eventually("it answers", () => database.query("select 1 as one").catch(() => null));
  try {
    await answers();
    proxy.mode = "hold_replies";
    const calls = Array.from({ length: 5 }, () => database.query("select 1 as one"));
    const outcomes = await Promise.allSettled(calls);
    for (const outcome of outcomes) {
      assert(outcome.status === "rejected" && outcome.reason instanceof UnavailableError);
    }
    assert(outcomes.some((o) => o.status === "rejected" && o.reason instanceof UnknownResultError));
    proxy.mode = "forward";
    assertEquals((await answers())[0]?.one, 1);
  } finally {
    await database.close();
  }
});

Deno.test("a server that is away is unavailable at once, and nothing is promised", async () => {
  const database = new Database({ url: "postgres://nobody@127.0.0.1:1/none" });
  await assertRejects(() => database.query("select 1"), UnavailableError);
  await database.close();
});

Deno.test("a deadlock is sent again", async () => {
  await using db = await testDatabase();
  await db.sql`create table pair (id int primary key, n int)`;
  await db.sql`insert into pair values (1, 0), (2, 0)`;
  const database = new Database({ url: db.url });
  const bump = (first: number, second: number) =>
    database.query(
      `with a as (update pair set n = n + 1 where id = ${first} returning pg_sleep(0.2)),
            b as (select count(*) from a)
       update pair set n = n + 1 from b where id = ${second} and b.count = 1`,
    );
  try {
    await Promise.all([bump(1, 2), bump(2, 1)]);
    const rows = await db.sql`select n from pair`;
    assertEquals(rows.map((row) => row.n), [2, 2]);
  } finally {
    await database.close();
  }
});
