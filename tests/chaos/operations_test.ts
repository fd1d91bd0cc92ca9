/** A bulk requeue that is stopped, resumed, and whose processes are killed: every job exactly once. */
import { assert, assertEquals } from "@std/assert";
import { eventCode } from "../../src/core/codes.ts";
import { eventually } from "../support/build.ts";
import { request } from "./client.ts";
import { PATIENCE_MS, sized, withScene } from "./support.ts";

/** Slow enough that it is under way through all that happens to it. */
const RATE = sized(150, 2_000);
const LATE = 50;

Deno.test("a bulk requeue through stop, resume and kills: every item once, late ones untouched", () =>
  withScene(async (scene) => {
    const count = sized(2_400, 100_000);
    let api = scene.run("api");
    await api.url();
    let worker = await scene.worker();
    const sql = await scene.sql();
    const bury = (n: number) =>
      sql`
        insert into perdura.dead_letter (
          tenant_id, id, lane, run_at, created_at, started_at, timeout_ms, version, state, priority,
          attempt, max_attempts, crashes, max_crashes, has_data, has_output, queue, type, payload)
        select 'default', gen_random_uuid(), 1, now(), now(), now(), 60000, 3,
               (select code from perdura.state_name where name = 'dead_letter'), 0, 1, 1, 0, 3, false,
               false, 'default', 'nobody.takes', '{}'
          from generate_series(1, ${n})`;
    await bury(count);
    const asked = { action: "requeue", filter: { type: "nobody.takes" }, ratePerSecond: RATE };
    const { status, body } = await request(`${await api.url()}/operations`, asked);
    const { id, matched } = Object(body);
    assertEquals([status, matched], [202, count]);
    await bury(LATE);
    const path = `/operations/${id}`;
    const look = async () => Object((await request(await api.url() + path)).body);
    const reaches = (what: string, check: (operation: Record<string, unknown>) => boolean) =>
      eventually(what, async () => {
        const operation = await look().catch(() => ({}));
        return check(operation) && operation;
      }, PATIENCE_MS);

    await reaches("a second part", ({ done }) => Number(done) > RATE);
    assertEquals((await request(`${await api.url()}${path}/stop`, {})).status, 200);
    const stopped = await reaches("it stops", ({ state }) => state === "stopped");
    assert(Number(stopped.done) < count);
    await worker.kill();
    worker = await scene.worker();
    assertEquals((await look()).done, stopped.done, "nothing is done while it is stopped");
    assertEquals((await request(`${await api.url()}${path}/resume`, {})).status, 200);
    await reaches(
      "another part",
      ({ done }) => Number(done) > Number(stopped.done) || done === count,
    );
    await api.kill();
    await worker.kill();
    worker = await scene.worker();
    api = scene.run("api");
    const after = await look();
    await reaches(
      "one more part",
      ({ done }) => Number(done) > Number(after.done) || done === count,
    );
    await worker.kill();
    worker = await scene.worker();
    const done = await reaches("it is done", ({ state }) => state === "done");
    assertEquals([done.done, done.skipped], [count, 0]);

    const [revived] = await sql`
      select count(*)::int as rows, count(distinct job_id)::int as jobs from perdura.transition
       where event = ${eventCode("REQUEUE")} and cause = ${`operation ${id}`}`;
    assertEquals([revived?.rows, revived?.jobs], [count, count]);
    const [left] = await sql`
      select (select count(*) from perdura.dead_letter)::int as dead,
             (select count(*) from perdura.job)::int as jobs`;
    assertEquals([left?.dead, left?.jobs], [LATE, count]);
    const items = Object((await request(`${await api.url()}${path}/items?limit=1000`)).body).items;
    assertEquals(
      new Set(items.map((item: { outcome: string }) => item.outcome)),
      new Set(["done"]),
    );
  }));
