/** Ordering keys under kills: four workers, of which three die while they run jobs of a key. */
import { assertEquals } from "@std/assert";
import type postgres from "postgres";
import { eventually } from "../support/build.ts";
import { assertSound } from "./check.ts";
import { countHeld, countStates, jobs, submit, untilStates } from "./client.ts";
import { PATIENCE_MS, type Scene, sized, withScene } from "./support.ts";

const WORKERS = 4;
const KILLS = 3;
const KEYS = 8;

interface Run {
  readonly key: string;
  readonly id: string;
  readonly at: Date;
  readonly until: Date;
}

/** Every attempt, from its CLAIM to the step after it, in the order of the starts. */
async function readRuns(sql: postgres.Sql): Promise<Run[]> {
  return await sql<Run[]>`
    with step as (
      select h.job_id as id, h.event, h.at,
             lead(h.at) over (partition by h.job_id order by h.version) as until
        from perdura.history h)
    select a.ordering_key as key, s.id, s.at, s.until
      from step s join perdura.job_archive a on a.id = s.id
     where s.event = (select code from perdura.event_name where name = 'CLAIM')
     order by s.at`;
}

async function killHolder(
  scene: Scene,
  sql: postgres.Sql,
  workers: Awaited<ReturnType<typeof start>>,
) {
  const [id, program] = await eventually("a worker runs an ordered job", async () => {
    for (const entry of workers) if (await countHeld(sql, entry[0]) > 0) return entry;
    return null;
  }, PATIENCE_MS);
  await program.kill();
  workers.delete(id);
  void scene;
}

async function start(scene: Scene) {
  const programs = await Promise.all(
    Array.from({ length: WORKERS }, () => scene.worker({ WORKER_CONCURRENCY: "10" })),
  );
  const ids = await Promise.all(programs.map((program) => program.workerId()));
  return new Map(ids.map((id, index) => [id, programs[index]!]));
}

Deno.test("four workers, eight ordering keys, three kills: strictly one after the other, in order", () =>
  withScene(async (scene) => {
    const api = await scene.run("api").url();
    const sql = await scene.sql();
    const workers = await start(scene);
    const make = (n: number) => ({
      ...(n % 5 === 4
        ? { type: "debug.fail", payload: { times: 1 } }
        : { type: "debug.sleep", payload: { ms: 30 } }),
      orderingKey: `k${n % KEYS}`,
      // Kills are what this is about: they must not bury a job.
      maxCrashes: 50,
      queue: n % 3 === 0 ? "a" : "b",
    });
    const acknowledged: string[] = [];
    const half = sized(120, 800);
    acknowledged.push(...await submit(api, jobs(half, make)));
    for (let kill = 0; kill < KILLS; kill++) {
      await killHolder(scene, sql, workers);
      acknowledged.push(...await submit(api, jobs(half / KILLS, (n) => make(n + kill))));
    }
    await untilStates(
      scene,
      "all jobs succeed",
      (counts) => counts.succeeded === acknowledged.length,
      4 * PATIENCE_MS,
    );
    const byKey = Map.groupBy(await readRuns(sql), ({ key }) => key);
    const place = new Map(acknowledged.map((id, index) => [id, index]));
    for (const runs of byKey.values()) {
      for (const [index, run] of runs.entries()) {
        const before = runs[index - 1];
        if (!before) continue;
        assertEquals(before.until <= run.at, true, `${before.id} ran when ${run.id} started`);
        assertEquals(place.get(before.id)! <= place.get(run.id)!, true, `${run.id} overtook`);
      }
    }
    assertEquals(byKey.size, KEYS);
    const [lost] = await sql`
      select count(distinct worker)::int as n from perdura.history
       where event = (select code from perdura.event_name where name = 'LEASE_EXPIRED')`;
    assertEquals(lost?.n > 0, true, "the kills have hit running jobs");
    assertEquals((await sql`select from perdura.place`).length, 0, "places that nobody has");
    assertEquals(await countStates(sql), { succeeded: acknowledged.length });
    await assertSound(sql, { acknowledged, isDrained: true });
  }));
