/** Workers that are killed, frozen and told to stop: their jobs go on elsewhere, once each. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { eventually } from "../support/build.ts";
import { assertSound } from "./check.ts";
import {
  ask,
  countCauses,
  countEffects,
  countHeld,
  countStates,
  effect,
  getJob,
  jobs,
  readPath,
  sleeper,
  submit,
  untilSucceeded,
} from "./client.ts";
import { PATIENCE_MS, sized, withScene } from "./support.ts";

/** Longer than it takes to see them run on a machine that stands still for a while. */
const NAP_MS = 5_000;

Deno.test("a killed and a frozen worker: every effect once, the late writes refused", () =>
  withScene(async (scene) => {
    const count = sized(2_000, 20_000);
    const napping = 12;
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    // Narrow, so that the work is still under way when they are hit. Only one serves the sleepers.
    const settings = { WORKER_CONCURRENCY: "20", WORKER_HTTP_PORT: "0" };
    const killed = await scene.worker({ ...settings, WORKER_QUEUES: "default" });
    const frozen = await scene.worker(settings);
    const [killedId, frozenId] = [await killed.workerId(), await frozen.workerId()];

    const acknowledged = await submit(url, jobs(count, (n) => effect(`effect ${n}`)));
    await eventually("a third is done", async () => await countEffects(sql) >= count / 3);
    await eventually("it holds jobs", async () => await countHeld(sql, killedId) > 0);
    await killed.kill();
    const urgent = { queue: "slow", priority: -10 };
    const sleepers = jobs(napping, () => ({ ...sleeper(NAP_MS), ...urgent }));
    acknowledged.push(...await submit(url, sleepers));
    await eventually(
      "the other one holds sleepers",
      async () => await countHeld(sql, frozenId, "debug.sleep") > 0,
    );
    // Claimed together with them or later, others have ended: so they are out of its buffer and run.
    const before = await countEffects(sql);
    await eventually(
      "they run",
      async () => await countEffects(sql) >= before + 80 || !(await countStates(sql)).pending,
    );
    frozen.signal("SIGSTOP");
    const napsEndAt = performance.now() + NAP_MS;

    const heir = await scene.worker({ WORKER_HTTP_PORT: "0" });
    await eventually(
      "their jobs are taken over",
      async () =>
        await countCauses(sql, `worker ${killedId}`) > 0 &&
        await countCauses(sql, `worker ${frozenId}`) > 0,
      PATIENCE_MS,
    );
    // It wakes with successes in its hands, and in the middle of transactions.
    await eventually("its naps are over", () => Promise.resolve(performance.now() > napsEndAt));
    frozen.signal("SIGCONT");
    const refusal = await frozen.line("Late write refused");
    assertEquals([refusal.level, refusal.properties.reason], ["WARN", "lost"]);
    assertGreater(await frozen.metric("perdura_worker_fenced_total"), 0);
    // It is in the database before it is counted.
    await eventually(
      "the other one has counted them",
      async () => await heir.metric("perdura_worker_recovered_total") > 0,
      PATIENCE_MS,
    );
    await untilSucceeded(scene, acknowledged.length);
    // Whatever else it had in mind, it has tried by the time it has ended.
    frozen.signal("SIGTERM");
    assertEquals((await frozen.exit()).code, 0);
    assertEquals(await countStates(sql), { succeeded: acknowledged.length });
    assertEquals(await countEffects(sql), count);
    await assertSound(sql, { acknowledged, isDrained: true });
  }));

Deno.test("what a dead worker held does not wait until a backlog is through", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    const dead = await scene.worker({ WORKER_QUEUES: "slow" });
    const deadId = await dead.workerId();
    const held = await submit(url, jobs(5, () => ({ ...sleeper(NAP_MS), queue: "slow" })));
    await eventually("it runs them", async () => await countHeld(sql, deadId) === held.length);
    await dead.kill();
    // Sixteen seconds of work at least, by sleeps so short that every slot is always taken.
    const backlog = await submit(url, jobs(8_000, () => sleeper(20)));
    await scene.worker({ WORKER_CONCURRENCY: "10" });
    await eventually("they succeed", async () => {
      const states = await Promise.all(held.map(async (id) => (await getJob(url, id)).state));
      return states.every((state) => state === "succeeded");
    }, PATIENCE_MS);
    assertGreater((await countStates(sql)).pending ?? 0, 0, "the backlog was through");
    // Never buffered, it may come back unstarted; but not again and again.
    const path = await readPath(url, held[0] ?? "");
    assert(path.includes("LEASE_EXPIRED running → retry"));
    const returned = path.filter((step) => step.startsWith("INTERRUPTED"));
    assertGreater(4, returned.length, `came back ${returned.length} times`);
    await assertSound(sql, { acknowledged: [...held, ...backlog], isDrained: false });
  }));

Deno.test("a lease locked by a worker that froze in its commit does not hold up the others", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    const names = ["stuck", "free"];
    const dead = await Promise.all(names.map((name) => scene.worker({ WORKER_QUEUES: name })));
    const ids = await submit(url, names.map((queue) => ({ ...sleeper(NAP_MS), queue })));
    const [stuckId = "", freeId = ""] = await Promise.all(dead.map((worker) => worker.workerId()));
    await eventually(
      "both hold one",
      async () => await countHeld(sql, stuckId) + await countHeld(sql, freeId) === 2,
    );
    const isDone = async (id = "") => (await getJob(url, id)).state === "succeeded";
    await sql.begin(async (frozen) => {
      await frozen`select from perdura.lease where worker = ${stuckId} for update`;
      await Promise.all(dead.map((worker) => worker.kill()));
      await scene.worker();
      await eventually("the free one is recovered", () => isDone(ids[1]), PATIENCE_MS);
    });
    await eventually("then the other one", () => isDone(ids[0]), PATIENCE_MS);
    await assertSound(sql, { acknowledged: ids, isDrained: true });
  }));

Deno.test("SIGTERM hands running jobs back with their attempts, and exits 0", () =>
  withScene(async (scene) => {
    const napping = 20;
    const api = scene.run("api");
    const url = await api.url();
    const sql = await scene.sql();
    const leaver = await scene.worker({ SHUTDOWN_MS: "1000", WORKER_LEASE_MS: "30000" });
    const leaverId = await leaver.workerId();
    const acknowledged = await submit(url, jobs(napping, () => sleeper(2 * NAP_MS)));
    await eventually(
      "all run",
      async () => await countHeld(sql, leaverId, "debug.sleep") === napping,
    );

    leaver.signal("SIGTERM");
    assertEquals(await leaver.exit(), { success: true, code: 0, signal: null });
    assertEquals(await countStates(sql), { pending: napping });
    for (const id of acknowledged) {
      const { state, attempt, crashes } = await getJob(url, id);
      assertEquals({ state, attempt, crashes }, { state: "pending", attempt: 0, crashes: 0 });
      assertEquals(await readPath(url, id), [
        "ENQUEUE null → pending",
        "CLAIM pending → running",
        "INTERRUPTED running → pending",
      ]);
    }
    await assertSound(sql, { acknowledged, isDrained: false });

    await scene.worker();
    await untilSucceeded(scene, napping);
    assertEquals((await getJob(url, acknowledged[0] ?? "")).attempt, 1);
    await assertSound(sql, { acknowledged, isDrained: true });
  }));

Deno.test("a cancelled running job: its handler stops, and the history says so", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    // So long that a slow machine does not lose it.
    const worker = await scene.worker({ WORKER_LEASE_MS: "30000" });
    const workerId = await worker.workerId();
    const [id = ""] = await submit(url, [sleeper(3_600_000)]);
    await eventually("it runs", async () => await countHeld(sql, workerId, "debug.sleep") === 1);

    const asked = await ask<{ cancelRequestedAt: string | null }>(`${url}/jobs/${id}/events`, 202, {
      type: "CANCEL",
    });
    assert(asked.cancelRequestedAt !== null);
    await eventually("it is cancelled", async () => (await getJob(url, id)).state === "cancelled");
    assertEquals((await getJob(url, id)).lastError?.message, "Cancelled by user");
    // By the handler's own end: a forced cancel would be the event CANCEL.
    assertEquals(await readPath(url, id), [
      "ENQUEUE null → pending",
      "CLAIM pending → running",
      "FAIL running → cancelled",
    ]);
    const [next = ""] = await submit(url, [sleeper(1)]);
    await eventually("it goes on", async () => (await getJob(url, next)).state === "succeeded");
    await assertSound(sql, { acknowledged: [id, next], isDrained: true });
  }));
