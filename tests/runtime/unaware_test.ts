/** A process that was frozen between its look at the gates and its claim starts nothing past a fresh limit. */
import { assertEquals } from "@std/assert";
import { z } from "zod";
import { NO_LIMITS } from "../../src/core/gate.ts";
import { newId } from "../../src/core/id.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import type { ClaimRequest, Store } from "../../src/store/store.ts";
import { buildJob, claimAll, eventually, fromHead } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const QUEUE = { tenantId: "default", kind: "queue", name: "default" } as const;

/** One at a time, and the limit has taken hold. */
async function limitToOne(db: TestDatabase): Promise<void> {
  await db.store.gates.setLimits(QUEUE, { ...NO_LIMITS, concurrency: 1 });
  await db.sql`update perdura.gate set settles_at = now()`;
  // By this or by the worker of the test, whoever is first.
  await eventually("it has settled", async () => {
    await db.store.gates.settle();
    return (await db.sql`select from perdura.gate where settles_at is not null`).length === 0;
  });
}

async function changeOf(db: TestDatabase): Promise<string> {
  return (await db.store.gates.read(null))?.change ?? "";
}

/** The store, but its plain claims wait on their way. */
function slowToClaim(store: Store, wait: () => Promise<void>): Store {
  const claim = async (request: ClaimRequest) => {
    await wait();
    return await store.claim(request);
  };
  return new Proxy(store, {
    get: (target, name) => {
      const value = name === "claim" ? claim : Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

Deno.test("a worker frozen before a plain claim starts no more than a limit that is new by then", async () => {
  await using db = await testDatabase();
  let running = 0;
  let most = 0;
  const handler = defineHandler({
    type: "debug.noop",
    input: z.unknown(),
    handle: async () => {
      most = Math.max(most, ++running);
      await db.sql`select pg_sleep(0.02)`;
      running--;
    },
  });
  const reached = Promise.withResolvers<void>();
  const thawed = Promise.withResolvers<void>();
  const store = slowToClaim(db.store, () => {
    reached.resolve();
    return thawed.promise;
  });
  await db.store.insert(Array.from({ length: 5 }, () => buildJob()));
  await using _worker = testWorker(db, [handler], { store });
  await reached.promise;
  await limitToOne(db);
  thawed.resolve();
  await eventually("all jobs end", async () => {
    const [row] = await db.sql`select count(*)::int as n from perdura.job_archive`;
    return row?.n === 5;
  });
  assertEquals(most, 1);
});

Deno.test("a claim and a start that know an older change of the gates take nothing", async () => {
  await using db = await testDatabase();
  const old = await changeOf(db);
  await limitToOne(db);
  await db.store.insert([buildJob({ queue: "free" })]);
  const [lane] = await db.store.lanes();
  const request = (gateChange: string | null): ClaimRequest => ({
    ...{ leaseId: newId(), worker: newId(), leaseMs: 30_000, limit: 1, alone: false, gateChange },
    lanes: [fromHead(lane!, 1)],
  });
  assertEquals(await db.store.claim(request(old)), []);
  const lease = { leaseId: newId(), worker: newId(), leaseMs: 30_000 };
  const late = buildJob({ queue: "free" });
  assertEquals(await db.store.enterStarted([late], { ...lease, gateChange: old }), null);
  assertEquals(await db.store.get(null, late.id), null);
  assertEquals((await db.sql`select from perdura.lease`).length, 0);
  const started = await db.store.enterStarted([late], { ...lease, gateChange: await changeOf(db) });
  assertEquals(started?.length, 1);
  assertEquals((await db.store.claim(request(await changeOf(db)))).length, 1);
  assertEquals((await claimAll(db.store, 10)).length, 0);
});
