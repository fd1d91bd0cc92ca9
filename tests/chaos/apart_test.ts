/** API and worker apart: each goes on without the other, and with cut lines to the database. */
import { assertEquals, assertGreater } from "@std/assert";
import { eventually } from "../support/build.ts";
import { Proxy } from "../support/proxy.ts";
import { assertSound } from "./check.ts";
import {
  countHeld,
  countStates,
  effect,
  jobs,
  sleeper,
  submit,
  untilDrained,
  untilStates,
} from "./client.ts";
import { isLong, sized, withScene } from "./support.ts";

Deno.test("the API takes jobs with no worker alive, the worker goes on with no API alive", () =>
  withScene(async (scene) => {
    const count = 200;
    const api = scene.run("api");
    const url = await api.url();
    const sql = await scene.sql();
    const acknowledged = await submit(url, jobs(count, (n) => effect(`now ${n}`)));
    const later = { delayMs: 2_000 };
    acknowledged.push(
      ...await submit(url, jobs(count, (n) => ({ ...effect(`later ${n}`), ...later }))),
    );
    assertEquals(await countStates(sql), { pending: count, scheduled: count });

    const worker = await scene.worker();
    await api.kill();
    await untilDrained(scene);
    assertEquals(await countStates(sql), { succeeded: 2 * count });
    await assertSound(sql, { acknowledged, isDrained: true });
    assertEquals(worker.status, null);
  }));

Deno.test("a worker whose connections are cut again and again loses and doubles nothing", () =>
  withScene(async (scene) => {
    const count = sized(1_500, 10_000);
    const url = await scene.run("api").url();
    await using proxy = new Proxy(new URL(await scene.databaseUrl()));
    const worker = await scene.worker({ DATABASE_URL: proxy.url, WORKER_HTTP_PORT: "0" });
    // A cut in the middle of a job's transaction fails its attempt; one that lasts costs the lease.
    const patient = { maxAttempts: 50, maxCrashes: 50 };
    const plain = { type: "debug.noop", ...patient };
    const acknowledged = await submit(url, [
      ...jobs(count, (n) => ({ ...effect(`effect ${n}`), ...patient })),
      ...jobs(count, () => plain),
    ]);
    let cuts = 0;
    for (let part = 1; part < 10; part++) {
      const enough = 2 * count * part / 10;
      await untilStates(scene, `${enough} are done`, ({ succeeded = 0 }) => succeeded >= enough);
      proxy.cutAll();
      cuts++;
    }
    await untilDrained(scene);
    const sql = await scene.sql();
    assertEquals(await countStates(sql), { succeeded: 2 * count });
    await assertSound(sql, { acknowledged, isDrained: true });
    assertEquals([worker.status, cuts], [null, 9]);
  }));

Deno.test("SIGTERM to a worker that does not reach its database: it exits 0, its jobs go on", () =>
  withScene(async (scene) => {
    const napping = 10;
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    await using proxy = new Proxy(new URL(await scene.databaseUrl()));
    const worker = await scene.worker({ DATABASE_URL: proxy.url, SHUTDOWN_MS: "2000" });
    const workerId = await worker.workerId();
    const acknowledged = await submit(url, jobs(napping, () => sleeper(3_000)));
    await eventually("all run", async () => await countHeld(sql, workerId) === napping);
    proxy.mode = "refuse";
    proxy.cutAll();
    worker.signal("SIGTERM");
    assertEquals(await worker.exit(), { success: true, code: 0, signal: null });

    await scene.worker();
    await untilDrained(scene);
    assertEquals(await countStates(sql), { succeeded: napping });
    await assertSound(sql, { acknowledged, isDrained: true });
  }));

Deno.test({
  name: "a worker whose database has gone silent gives up its calls and recovers " +
    "(with --long only: it waits for whole deadlines)",
  ignore: !isLong,
  fn: () =>
    withScene(async (scene) => {
      const count = 2_000;
      const url = await scene.run("api").url();
      await using proxy = new Proxy(new URL(await scene.databaseUrl()));
      const worker = await scene.worker({ DATABASE_URL: proxy.url });
      const patient = { maxAttempts: 50 };
      const acknowledged = await submit(
        url,
        jobs(count, (n) => ({ ...effect(`effect ${n}`), ...patient })),
      );
      await untilStates(scene, "a third is done", ({ succeeded = 0 }) => succeeded >= count / 3);
      proxy.mode = "hold_replies";
      await eventually(
        "it notices",
        () =>
          Promise.resolve(worker.lines.some((line) => line.properties.state === "reconnecting")),
        60_000,
      );
      proxy.mode = "forward";
      proxy.cutAll();
      await untilDrained(scene);
      assertGreater(proxy.swallowed, 0);
      const sql = await scene.sql();
      assertEquals(await countStates(sql), { succeeded: count });
      await assertSound(sql, { acknowledged, isDrained: true });
      assertEquals(worker.status, null);
    }),
});
