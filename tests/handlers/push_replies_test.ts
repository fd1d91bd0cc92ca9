/** Answers of pushed jobs that come later: the genuine one ends the job, all others are refused and counted. */
import { assert, assertEquals } from "@std/assert";
import { createApp } from "perdura";
import { pushHandler } from "../../handlers/push.ts";
import { systemClock } from "../../src/core/clock.ts";
import { permitBearer } from "../../src/http/access.ts";
import { Gatekeeper } from "../../src/runtime/gatekeeper.ts";
import { Keys } from "../../src/runtime/keys.ts";
import { HttpStats } from "../../src/telemetry/http_stats.ts";
import { metrics } from "../../src/telemetry/metrics.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const SECRET = "a secret of more than thirty-two characters";

/** A delivery, as its receiver keeps it for later. */
interface Delivery {
  readonly callback: string;
  readonly version: number;
}

Deno.test("push: a late answer that is forged, doubled, too large or after the lease is refused and counted", async () => {
  await using db = await testDatabase();
  const stats = new HttpStats(systemClock);
  const deliveries: Delivery[] = [];
  const hostname = "127.0.0.1";
  const receiver = Deno.serve({ hostname, port: 0, onListen: () => {} }, async (request) => {
    const { callback, job } = await request.json();
    deliveries.push({ callback, version: job.version });
    return new Response(null, { status: 202 });
  });
  const api = Deno.serve({ hostname, port: 0, onListen: () => {} }, (r) => app.fetch(r));
  const pushed = pushHandler({
    ...{ type: "pushed", secret: SECRET, allowedHosts: [hostname] },
    url: `http://${hostname}:${receiver.addr.port}/`,
    apiUrl: `http://${hostname}:${api.addr.port}`,
  });
  const w = testWorker(db, [pushed], { leaseMs: 9_000 });
  const app = createApp({
    jobs: w.jobs,
    isWritable: () => db.store.isWritable(),
    permit: permitBearer(new Gatekeeper(db.store.keys, systemClock)),
    onRefusal: (refusal) => stats.refused(refusal),
  });
  const keys = new Keys(db.store.keys);
  const key = async (tenantId: string, ...scopes: string[]) =>
    (await keys.create({ name: "receiver", tenantId, scopes })).text;
  const genuine = await key("default", "worker");
  const answer = async (delivery: Delivery, more: {
    readonly key?: string | null;
    readonly version?: number;
    readonly output?: unknown;
  } = {}) => {
    const { key = genuine, version = delivery.version, output = "later" } = more;
    const response = await fetch(delivery.callback, {
      method: "POST",
      headers: {
        ...{ "content-type": "application/json", "if-match": `"${version}"` },
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ type: "SUCCEED", output }),
    });
    await response.body?.cancel();
    return response.status;
  };
  const deliver = async () => {
    const count = deliveries.length;
    const { id } = await w.jobs.enqueueUnchecked({ type: "pushed", payload: {} });
    const delivery = await eventually("it is delivered", () => Promise.resolve(deliveries[count]));
    return { id, delivery };
  };
  try {
    const { id, delivery } = await deliver();
    assertEquals(await answer(delivery, { key: null }), 401, "forged: no key");
    assertEquals(await answer(delivery, { key: `${genuine.slice(0, -1)}~` }), 401, "forged: a key");
    assertEquals(await answer(delivery, { key: await key("default", "read") }), 403, "its scope");
    assertEquals(await answer(delivery, { key: await key("b", "worker") }), 404, "its tenant");
    assertEquals(await answer(delivery, { version: delivery.version + 1 }), 412, "its version");
    assertEquals(await answer(delivery, { output: "x".repeat(1_100_000) }), 413, "its size");
    assertEquals((await w.jobs.get(null, id)).state, "running");
    assertEquals(await answer(delivery), 200);
    assertEquals(await answer(delivery, { output: "again" }), 409, "doubled");
    const { state, output } = await w.jobs.get(null, id);
    assertEquals([state, output], ["succeeded", "later"]);
    // The attempt that waited for it is over, and nothing about it is out of order.
    await eventually("its handler is free", () => Promise.resolve(w.worker.stats.running === 0));
    const { fenced, leasesLost } = w.worker.stats;
    assertEquals([fenced, leasesLost], [0, 0]);

    // Whoever pushed it is gone, and somebody else has recovered it: the answer is too late.
    const late = await deliver();
    await db.sql`update perdura.lease set expires_at = now() - interval '1 minute'`;
    await w.worker.sweep();
    await w.reach(late.id, "retry", "running", "pending");
    const before = await w.jobs.get(null, late.id);
    assert(before.version > late.delivery.version);
    // Whether it waits or runs again by now.
    assert([409, 412].includes(await answer(late.delivery)), "late");
    assert((await w.jobs.get(null, late.id)).state !== "succeeded");

    const counted = metrics.find(({ name }) => name === "perdura_job_events_refused_total");
    const pool = db.store.observer.pool;
    const samples = counted?.read({
      ...{ worker: null, http: stats, pool, database: null, failedLooks: 0, lagSeconds: 0 },
    });
    const counts = new Map(
      (samples ?? []).map(({ labels: [code], value }) => [code, Number(value)]),
    );
    const of = (code: string) => counts.get(code) ?? 0;
    assertEquals(["unauthenticated", "forbidden", "not_found", "payload_too_large"].map(of), [
      ...[2, 1, 1, 1],
    ]);
    assertEquals(of("transition_rejected") + of("version_conflict"), 3);
  } finally {
    await w.worker.stop();
    await Promise.all([receiver.shutdown(), api.shutdown()]);
  }
});
