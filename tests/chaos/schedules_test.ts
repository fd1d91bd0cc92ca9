/** Kills of every process around fire times: each (schedule, fire time) has one run, and only one. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type postgres from "postgres";
import { eventually } from "../support/build.ts";
import { assertSound } from "./check.ts";
import { ask } from "./client.ts";
import { PATIENCE_MS, type Program, type Scene, sized, withScene } from "./support.ts";

const SCHEDULES = 12;

/** Puts schedules that fire every second, and may be late by as much as it takes. */
async function putAll(url: string): Promise<void> {
  for (let n = 0; n < SCHEDULES; n++) {
    const definition = {
      ...{ cron: "* * * * * *", type: "debug.noop", missed: "all", maxCatchUp: 1_000 },
    };
    const response = await fetch(`${url}/schedules/every-${n}`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(definition),
    });
    assertEquals(response.status, 201, await response.text());
  }
}

/** Fire times of runs, by schedule, whatever has become of their jobs. */
async function firesOf(sql: postgres.Sql): Promise<Map<string, number[]>> {
  const rows = await sql`
    select metadata ->> 'scheduleId' as id, metadata ->> 'scheduledFor' as at
      from (select metadata from perdura.job union all select metadata from perdura.job_archive
            union all select metadata from perdura.dead_letter) j`;
  const fires = new Map<string, number[]>();
  for (const { id, at } of rows) fires.set(id, [...fires.get(id) ?? [], Date.parse(at)]);
  for (const times of fires.values()) times.sort((a, b) => a - b);
  return fires;
}

async function countRuns(sql: postgres.Sql): Promise<number> {
  const [row] = await sql`select sum(run_count)::int as n from perdura.schedule`;
  return row?.n ?? 0;
}

/** Ends a worker when a fire time is `offsetMs` away; gives another one. */
async function killAround(scene: Scene, worker: Program, offsetMs: number): Promise<Program> {
  await eventually("a fire time is near", () => {
    const into = (Date.now() - offsetMs + 1_000) % 1_000;
    return Promise.resolve(into < 40);
  });
  await worker.kill();
  return scene.run("worker");
}

Deno.test("workers killed around fire times, and all at once: one run each", () =>
  withScene(async (scene) => {
    const api = scene.run("api");
    const url = await api.url();
    const sql = await scene.sql();
    let workers = await Promise.all([scene.worker(), scene.worker(), scene.worker()]);
    await putAll(url);
    await eventually("they fire", async () => await countRuns(sql) >= SCHEDULES);
    const offsets = [-40, 0, 20, 60, 120, 300];
    for (let round = 0; round < sized(9, 60); round++) {
      const before = await countRuns(sql);
      const [victim, ...others] = workers;
      assert(victim);
      workers = [...others, await killAround(scene, victim, offsets[round % 6] ?? 0)];
      await eventually("others fire on", async () => await countRuns(sql) > before, PATIENCE_MS);
    }
    // Nobody is left for a while, the API neither.
    await Promise.all([...workers, api].map((program) => program.kill()));
    const alone = await countRuns(sql);
    await eventually("fire times pass", async () => {
      const [row] = await sql`select min(fire_at) < now() - interval '3 seconds' as late
                                from perdura.schedule`;
      return row?.late === true;
    });
    assertEquals(await countRuns(sql), alone);
    const again = await scene.run("api").url();
    const heir = await scene.worker();
    await eventually(
      "what was missed is caught up",
      async () => await countRuns(sql) >= alone + 3 * SCHEDULES,
      PATIENCE_MS,
    );
    for (let n = 0; n < SCHEDULES; n++) await ask(`${again}/schedules/every-${n}/pause`, 200, {});
    await eventually("all have run", async () => {
      const [row] = await sql`select count(*)::int as n from perdura.job`;
      return row?.n === 0;
    }, PATIENCE_MS);
    const fires = await firesOf(sql);
    assertEquals(fires.size, SCHEDULES);
    for (const [id, times] of fires) {
      assertGreater(times.length, 3);
      assertEquals(new Set(times).size, times.length, `${id} has a fire time twice`);
      const spans = times.slice(1).map((time, n) => time - (times[n] ?? 0));
      assertEquals(spans.filter((span) => span !== 1_000), [], `${id} has lost a fire time`);
    }
    const total = [...fires.values()].reduce((sum, times) => sum + times.length, 0);
    assertEquals(await countRuns(sql), total);
    heir.signal("SIGTERM");
    assertEquals((await heir.exit()).code, 0);
    await assertSound(sql, { acknowledged: [], isDrained: true });
  }));

Deno.test("connections cut while schedules fire: one run each", () =>
  withScene(async (scene) => {
    const url = await scene.run("api").url();
    const sql = await scene.sql();
    await scene.worker();
    await scene.worker();
    await putAll(url);
    for (let round = 0; round < sized(6, 40); round++) {
      const before = await countRuns(sql);
      await eventually("a fire time is near", () => Promise.resolve(Date.now() % 1_000 < 30));
      await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'perdura worker'`;
      await eventually("they fire on", async () => await countRuns(sql) > before, PATIENCE_MS);
    }
    for (let n = 0; n < SCHEDULES; n++) await ask(`${url}/schedules/every-${n}/pause`, 200, {});
    for (const [id, times] of await firesOf(sql)) {
      const spans = times.slice(1).map((time, n) => time - (times[n] ?? 0));
      assertEquals(spans.filter((span) => span !== 1_000), [], `${id}: a fire time twice, or none`);
    }
  }));
