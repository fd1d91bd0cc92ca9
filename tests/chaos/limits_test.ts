/** Limits under kills: eight workers, a rate and a concurrency, and three of them die. */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import type postgres from "postgres";
import { stateCode } from "../../src/core/codes.ts";
import { eventually } from "../support/build.ts";
import { assertSound } from "./check.ts";
import { countStates, jobs, sleeper, submit, untilStates } from "./client.ts";
import { isLong, PATIENCE_MS, type Program, type Scene, sized, withScene } from "./support.ts";

const WORKERS = 8;
const KILLS = 3;
const RATE = 10;
const SLOTS = 3;
/** The rate's period: in CI a shorter one, counted by the same statement. */
const PERIOD_MS = sized(6_000, 60_000);
const PERIODS = 3;

async function setLimits(api: string, queue: string, limits: object): Promise<void> {
  const response = await fetch(`${api}/queues/${queue}/limits`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(limits),
  });
  assertEquals(response.status, 200, await response.text());
}

/** The most starts in any window of one period, by the times that the database has written. */
async function mostStarts(sql: postgres.Sql, queue: string): Promise<number> {
  const [row] = await sql`
    with start as (
      select h.at from perdura.history h join perdura.job_archive a on a.id = h.job_id
       where a.queue = ${queue}
         and h.event = (select code from perdura.event_name where name = 'CLAIM'))
    select max(n)::int as most from start a cross join lateral (
      select count(*) as n from start b
       where b.at >= a.at and b.at < a.at + ${PERIOD_MS} * interval '1 millisecond') w`;
  return row?.most;
}

/** The most jobs that were running at one time: from a CLAIM to the step after it. */
async function mostAtOnce(sql: postgres.Sql, queue: string): Promise<number> {
  const [row] = await sql`
    with step as (
      select h.event, h.at, lead(h.at) over (partition by h.job_id order by h.version) as until
        from perdura.history h join perdura.job_archive a on a.id = h.job_id where a.queue = ${queue}),
    run as (
      select at, until from step
       where event = (select code from perdura.event_name where name = 'CLAIM'))
    select max(n)::int as most from run a cross join lateral (
      select count(*) as n from run b where b.at <= a.at and b.until > a.at) w`;
  return row?.most;
}

/** The worker that holds a slot at this moment, if it is one of these. */
async function holderAmong(
  sql: postgres.Sql,
  workers: ReadonlyMap<string, Program>,
): Promise<[string, Program] | null> {
  const rows = await sql`
    select distinct le.worker from perdura.slot s join perdura.lease le on le.id = s.lease_id
     where s.n > 0`;
  for (const { worker } of rows) {
    const program = workers.get(worker);
    if (program) return [worker, program];
  }
  return null;
}

async function startWorkers(scene: Scene): Promise<Map<string, Program>> {
  const settings = { WORKER_CONCURRENCY: "5" };
  const programs = await Promise.all(
    Array.from({ length: WORKERS }, () => scene.worker(settings)),
  );
  const ids = await Promise.all(programs.map((program) => program.workerId()));
  return new Map(ids.map((id, index) => [id, programs[index]!]));
}

Deno.test("eight workers, a rate of 10 and 3 slots, three kills: no start too many, no slot lost", () =>
  withScene(async (scene) => {
    const api = await scene.run("api").url();
    const sql = await scene.sql();
    await setLimits(api, "rated", { ratePerMinute: RATE });
    await setLimits(api, "narrow", { concurrency: SLOTS });
    if (!isLong) {
      await sql`update perdura.gate set period_ms = ${PERIOD_MS} where name = 'rated'`;
    }
    const workers = await startWorkers(scene);
    // Kills are what this is about: they must not bury a job.
    const made = { maxCrashes: 50 };
    const rated = jobs(RATE * PERIODS + 1, () => ({
      ...{ type: "debug.noop", queue: "rated", ...made },
    }));
    const narrow = jobs(sized(100, 600), () => ({ ...sleeper(300), queue: "narrow", ...made }));
    const acknowledged = await submit(api, [...rated, ...narrow]);

    for (let kill = 1; kill <= KILLS; kill++) {
      const [id, program] = await eventually(
        `worker ${kill} holds a slot`,
        () => holderAmong(sql, workers),
        PATIENCE_MS,
      );
      await program.kill();
      workers.delete(id);
    }
    await untilStates(
      scene,
      "all jobs succeed",
      (counts) => counts.succeeded === acknowledged.length,
      2 * PATIENCE_MS + (PERIODS + 1) * PERIOD_MS,
    );

    assertLessOrEqual(await mostStarts(sql, "rated"), RATE);
    assertLessOrEqual(await mostAtOnce(sql, "narrow"), SLOTS);
    assertEquals((await sql`select from perdura.slot`).length, 0, "slots that nobody holds");
    const [spent] = await sql`
      select max(attempt)::int as attempts from perdura.job_archive
       where state = ${stateCode("succeeded")}`;
    assertEquals(spent?.attempts, 1, "neither waiting nor a crash spends an attempt");
    const [lost] = await sql`
      select count(distinct worker)::int as n from perdura.history
       where event = (select code from perdura.event_name where name = 'LEASE_EXPIRED')`;
    assertEquals(lost?.n > 0, true, "the kills have hit running jobs");
    assertEquals(await countStates(sql), { succeeded: acknowledged.length });
    await assertSound(sql, { acknowledged, isDrained: true });
  }));
