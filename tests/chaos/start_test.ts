/** `start` and what it must survive: its own death, its worker's, and its database's. */
import { assert, assertEquals, assertGreater, assertLess, assertNotEquals } from "@std/assert";
import { eventually } from "../support/build.ts";
import { assertSound } from "./check.ts";
import {
  countEffects,
  countStates,
  effect,
  getJob,
  jobs,
  readPath,
  request,
  sleeper,
  submit,
  untilDrained,
  untilStates,
} from "./client.ts";
import { Posting } from "./posting.ts";
import { PATIENCE_MS, sized, untilGone, withScene } from "./support.ts";

Deno.test("kill -9 of the database: 503 and no false 2xx, then everything comes back", () =>
  withScene(async (scene) => {
    const start = scene.run("start");
    const url = await start.url();
    const posting = new Posting(url, 4);
    try {
      for (let round = 0; round < sized(2, 10); round++) {
        await posting.untilAcknowledged(50);
        const pid = await scene.serverPid();
        assert(pid !== undefined);
        Deno.kill(pid, "SIGKILL");
        await eventually("another postmaster", async () => {
          const now = await scene.serverPid();
          return now !== undefined && now !== pid;
        }, PATIENCE_MS);
      }
      await posting.untilAcknowledged(50);
    } finally {
      await posting.stop();
    }
    assertEquals([...posting.statuses].filter((status) => ![200, 201, 503].includes(status)), []);
    await untilDrained(scene);
    const sql = await scene.sql();
    assertEquals(Object.keys(await countStates(sql)), ["succeeded"]);
    await assertSound(sql, { acknowledged: posting.acknowledged, isDrained: true });
    assertEquals((await request(`${url}/health/ready`)).status, 200);
    assertEquals([start.status, start.logged("Worker process died")], [null, []]);
  }));

Deno.test("kill -9 of start: its worker ends, the server stays and is adopted", () =>
  withScene(async (scene) => {
    const count = sized(1_500, 15_000);
    const first = scene.run("start");
    const worker = Number((await first.started()).properties.pid);
    const acknowledged = await submit(
      await first.url(),
      jobs(count, (n) => effect(`effect ${n}`)),
    );
    const sql = await scene.sql();
    const server = await scene.serverPid();
    await eventually("a third is done", async () => await countEffects(sql) >= count / 3);
    await first.kill();
    await untilGone("the worker of a killed start", worker);
    assertLess(await countEffects(sql), count, "nothing was left to do");
    assertNotEquals(server, undefined);
    assertEquals(await scene.serverPid(), server);

    const second = scene.run("start");
    const url = await second.url();
    acknowledged.push(...await submit(url, [effect("after")]));
    await untilDrained(scene);
    assertEquals(await countStates(sql), { succeeded: count + 1 });
    await assertSound(sql, { acknowledged, isDrained: true });
    assertEquals(await scene.serverPid(), server);
    await sql.end();
    second.signal("SIGTERM");
    assertEquals((await second.exit()).code, 0);
    assertEquals(await scene.serverPid(), undefined, "the last one stops the server");
  }));

Deno.test("kill -9 of everything at once: the next start loses nothing acknowledged", () =>
  withScene(async (scene) => {
    const first = scene.run("start");
    const posting = new Posting(await first.url(), 4);
    try {
      const worker = Number((await first.started()).properties.pid);
      await posting.untilAcknowledged(200);
      const server = await scene.serverPid();
      assert(server !== undefined);
      for (const pid of [first.pid, worker, server]) Deno.kill(pid, "SIGKILL");
      await first.exit();
      await untilGone("the server", server);
    } finally {
      await posting.stop();
    }
    const second = scene.run("start");
    const ids = await submit(await second.url(), [effect("after")]);
    const acknowledged = [...posting.acknowledged, ...ids];
    await untilDrained(scene);
    const sql = await scene.sql();
    assertEquals(Object.keys(await countStates(sql)), ["succeeded"]);
    await assertSound(sql, { acknowledged, isDrained: true });
  }));

Deno.test("a job that kills its worker goes to dead_letter alone, and the API stays up", () =>
  withScene(async (scene) => {
    const innocents = 500;
    const start = scene.run("start", {
      WORKER_CONCURRENCY: "50",
      // Not so short that a slow machine loses one without a crash.
      WORKER_LEASE_MS: "5000",
      SWEEP_MS: "200",
    });
    const url = await start.url();
    const half = jobs(innocents / 2, () => sleeper(10));
    const acknowledged = await submit(url, [
      ...half,
      { type: "debug.crash", payload: { times: 5 } },
      ...half,
    ]);
    const crasher = acknowledged[innocents / 2] ?? "";
    const answers: number[] = [];
    await eventually("the culprit is found", async () => {
      const { status, body } = await request(`${url}/jobs/${crasher}`);
      answers.push(status);
      return status === 200 && (body as { state: string }).state === "dead_letter";
    }, 2 * PATIENCE_MS);
    await untilStates(
      scene,
      "the innocent succeed",
      (counts) => counts.succeeded === innocents,
    );

    const { lastError, crashes, attempt } = await getJob(url, crasher);
    assertEquals({ code: lastError?.code, crashes, attempt }, {
      code: "poison",
      crashes: 3,
      attempt: 0,
    });
    assertEquals(withoutHandBacks(await readPath(url, crasher)), [
      "ENQUEUE null → pending",
      "CLAIM pending → running",
      "LEASE_EXPIRED running → retry",
      "CLAIM retry → running",
      "LEASE_EXPIRED running → retry",
      "CLAIM retry → running",
      "LEASE_EXPIRED running → dead_letter",
    ]);
    const sql = await scene.sql();
    assertEquals(await countStates(sql), { succeeded: innocents, dead_letter: 1 });
    await assertSound(sql, { acknowledged, isDrained: true });
    assertEquals(start.logged("Worker process died").length, 3);
    assertGreater(answers.length, 0);
    assertEquals(answers.filter((status) => status !== 200), []);
  }));

/**
 * A job that has crashed is not kept waiting in a worker's buffer: when all handlers were taken, it
 * is handed back and claimed again. Whether that happens depends on what else the claim brought.
 */
function withoutHandBacks(path: readonly string[]): string[] {
  const kept: string[] = [];
  for (const step of path) {
    if (step === "CLAIM pending → running" && kept.at(-1) === "INTERRUPTED running → pending") {
      kept.pop();
    } else kept.push(step);
  }
  return kept;
}
