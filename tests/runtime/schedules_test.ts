/** Schedules on a real database: who fires, how often, and what each policy does to a fire time. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { machinesOf } from "../../src/cli/actors.ts";
import { systemClock } from "../../src/core/clock.ts";
import {
  InvalidInputError,
  UnknownTypeError,
  VersionConflictError,
} from "../../src/core/errors.ts";
import { Actors } from "../../src/runtime/actors.ts";
import { fireDue, type FiringHost } from "../../src/runtime/firing.ts";
import { indexHandlers } from "../../src/runtime/handlers.ts";
import { Intake } from "../../src/runtime/intake.ts";
import { Schedules } from "../../src/runtime/schedules.ts";
import { Turner } from "../../src/runtime/turner.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const backoff = { baseMs: 1_000, factor: 2, capMs: 300_000 };

/** One process: its client side and what fires. */
function processOn(db: TestDatabase) {
  const defaults = { maxAttempts: 3, maxCrashes: 3, backoff };
  const { store } = db;
  const machines = machinesOf(false);
  const turnerHost = {
    ...{ store, clock: systemClock, machines, defaults },
    cancelJob: () => Promise.resolve(),
  };
  const turner = new Turner(turnerHost);
  const actors = new Actors(turnerHost, turner);
  const shared = {
    ...{ store, clock: systemClock, defaults, actors, machines: machines.names },
    handlers: indexHandlers(debugHandlers),
  };
  const host: FiringHost = { ...shared, intake: new Intake(shared) };
  return { schedules: new Schedules(shared), actors, fire: () => fireDue(host) };
}

/** Makes the next fire time of a schedule come due: its rhythm has been running for a while. */
async function backdate(db: TestDatabase, id: string, ms: number): Promise<string> {
  const [row] = await db.sql`
    update perdura.schedule
       set fire_at = date_trunc('milliseconds', now()) - ${ms} * interval '1 millisecond',
           due_at = now() - ${ms} * interval '1 millisecond',
           anchor_at = date_trunc('milliseconds', now()) - ${ms} * interval '1 millisecond'
     where id = ${id} returning fire_at`;
  return row?.fire_at.toISOString();
}

function jobsOf(db: TestDatabase) {
  return db.sql`
    select j.id, s.name as state, j.metadata from perdura.job j join perdura.state_name s on s.code = j.state
    order by j.metadata ->> 'scheduledFor'`;
}

async function runsOf(db: TestDatabase) {
  const rows = await db.sql`
    select outcome, n, job_id is not null as has_job from perdura.schedule_run order by fire_at, at`;
  return rows.map(({ outcome, n, has_job }) => [outcome, n, has_job]);
}

const hour = 3_600_000;

Deno.test("of many processes that see a fire time come due, one run comes", async () => {
  await using db = await testDatabase();
  const processes = Array.from({ length: 6 }, () => processOn(db));
  await processes[0]?.schedules.put("report", { everyMs: hour, type: "debug.noop" });
  const at = await backdate(db, "report", 10);
  const moved = await Promise.all(processes.map(({ fire }) => fire()));
  assertEquals(moved.reduce((sum, n) => sum + n, 0), 1);
  const jobs = await jobsOf(db);
  assertEquals(jobs.map(({ metadata }) => metadata), [
    { scheduleId: "report", scheduledFor: at, late: false },
  ]);
  const view = await processes[1]?.schedules.get("report");
  assertEquals(view?.lastRun?.jobId, jobs[0]?.id);
  assertEquals([view?.lastRun?.scheduledFor, view?.lastRun?.state], [at, "pending"]);
  assertEquals(Date.parse(view?.fireAt ?? "") - Date.parse(at), hour);
});

Deno.test("an hour of missed minutes, by policy", async () => {
  await using db = await testDatabase();
  const { schedules, fire } = processOn(db);
  const minute = 60_000;
  const policies = { skip: 1, latest: 1, all: 10 };
  for (const missed of ["skip", "latest", "all"] as const) {
    const input = { everyMs: minute, type: "debug.noop", missed, maxCatchUp: 10 };
    await schedules.put(missed, input);
    await backdate(db, missed, 60 * minute);
  }
  assertEquals(await fire(), 3);
  for (const [id, count] of Object.entries(policies)) {
    const view = await schedules.get(id);
    const runs = await schedules.runs(id, {}, null, 100);
    assertEquals(runs.filter(({ jobId }) => jobId !== null).length, count, id);
    assertEquals(runs.filter(({ outcome }) => outcome === "missed").map(({ count }) => count), [
      61 - count,
    ]);
    assertEquals([view.runCount, view.latenessMs], [count, 0]);
  }
  const late = await db.sql`
    select count(*)::integer as n from perdura.job where (metadata ->> 'late')::boolean`;
  assertEquals(late[0]?.n, 9);
  assertEquals(await fire(), 0);
});

Deno.test("overlap: skip passes a fire time over while the run before it lives", async () => {
  await using db = await testDatabase();
  const { schedules, fire } = processOn(db);
  await schedules.put("a", { everyMs: hour, type: "debug.noop", overlap: "skip" });
  for (let n = 3; n > 0; n--) {
    await backdate(db, "a", n);
    assertEquals(await fire(), 1);
  }
  assertEquals(await runsOf(db), [["started", 1, true], ["skipped", 1, false], [
    "skipped",
    1,
    false,
  ]]);
  assertEquals((await jobsOf(db)).length, 1);
});

Deno.test("overlap: a run that lives is known, however many fire times are passed over meanwhile", async () => {
  await using db = await testDatabase();
  const { schedules, fire } = processOn(db);
  for (const overlap of ["skip", "buffer_one"] as const) {
    await schedules.put(overlap, { everyMs: hour, type: "debug.noop", overlap });
  }
  // More than are kept in the list of runs.
  for (let n = 130; n > 0; n--) {
    for (const id of ["skip", "buffer_one"]) await backdate(db, id, n * 10);
    assertEquals(await fire(), 2);
  }
  assertEquals((await jobsOf(db)).length, 2);
  for (const id of ["skip", "buffer_one"]) {
    assertEquals((await schedules.get(id)).lastRun?.state, "pending");
    const runs = await schedules.runs(id, {}, null, 1_000);
    assert(runs.length < 110, `${id}: ${runs.length} lines are kept`);
  }
});

Deno.test("overlap: buffer_one lets one wait, and starts it when the run before it has ended", async () => {
  await using db = await testDatabase();
  const { schedules, fire } = processOn(db);
  await schedules.put("a", { everyMs: hour, type: "debug.noop", overlap: "buffer_one" });
  const times: string[] = [];
  for (let n = 3; n > 0; n--) {
    times.push(await backdate(db, "a", n * 10));
    assertEquals(await fire(), 1);
  }
  assertEquals((await runsOf(db)).map(([outcome]) => outcome), ["started", "buffered", "skipped"]);
  assertEquals((await schedules.get("a")).bufferedFor, times[1]);
  assertEquals(await fire(), 0);
  const { reach, worker } = testWorker(db, debugHandlers);
  const [first] = await jobsOf(db);
  const second = await eventually("the second has run", async () => {
    const runs = await schedules.runs("a", {}, null, 10);
    return runs.find(({ scheduledFor, state }) =>
      scheduledFor === times[1] && state === "succeeded"
    );
  });
  await reach(first?.id, "succeeded");
  await worker.stop();
  assertEquals((await runsOf(db)).map(([outcome]) => outcome), ["started", "started", "skipped"]);
  const job = await db.store.get("default", second?.jobId ?? "");
  assertEquals(job?.metadata, { scheduleId: "a", scheduledFor: times[1] ?? "", late: false });
});

Deno.test("overlap: cancel_previous ends what runs, and starts after it", async () => {
  await using db = await testDatabase();
  const { schedules, fire } = processOn(db);
  await schedules.put("a", {
    everyMs: hour,
    type: "debug.sleep",
    payload: { ms: 60_000 },
    overlap: "cancel_previous",
  });
  await backdate(db, "a", 20);
  assertEquals(await fire(), 1);
  await using w = testWorker(db, debugHandlers);
  const [first] = await jobsOf(db);
  await w.reach(first?.id, "running");
  await backdate(db, "a", 10);
  await w.reach(first?.id, "cancelled");
  const second = await eventually("the second runs", async () => {
    const [run] = await schedules.runs("a", {}, null, 10);
    return run?.state === "running" && run;
  });
  assert(second.jobId !== first?.id);
  const steps = await w.jobs.history(null, first?.id, 0, 10);
  assertEquals(steps.at(-1)?.to, "cancelled");
  await w.jobs.send(second.jobId ?? "", { type: "CANCEL" }, {
    ...{ tenantId: null, ifVersion: null, cause: "test" },
  });
});

/** Moves what is due, and dies before its actor is started. */
async function fireAndDie(db: TestDatabase): Promise<void> {
  const dead = { start: () => Promise.reject(new TypeError("killed")) };
  const shared = {
    store: db.store,
    clock: systemClock,
    defaults: { maxAttempts: 3, maxCrashes: 3, backoff },
  };
  const host = { ...shared, handlers: indexHandlers([]), machines: ["approval"] };
  const dying = Object.assign(Object.create(Actors.prototype), dead, {
    accepts: () => false,
  });
  await assertRejects(
    () => fireDue({ ...host, intake: new Intake(host), actors: dying }),
    TypeError,
  );
}

Deno.test("a schedule of a machine starts an actor, once, whoever dies between", async () => {
  await using db = await testDatabase();
  const [a, b] = [processOn(db), processOn(db)];
  const input = { title: "budget", approver: "ann" };
  await a.schedules.put("budget", { everyMs: hour, machine: "approval", input });
  const at = await backdate(db, "budget", 10);
  await fireAndDie(db);
  assertEquals((await a.schedules.get("budget")).lastRun?.outcome, "starting");
  await Promise.all([a.fire(), b.fire()]);
  const run = (await b.schedules.get("budget")).lastRun;
  assertEquals([run?.actorId, run?.outcome, run?.state], [`budget@${at}`, "started", "active"]);
  const actors = await db.sql`select id from perdura.actor`;
  assertEquals(actors.map(({ id }) => id), [`budget@${at}`]);
});

Deno.test("what has fired is started before its schedule is changed or deleted", async () => {
  await using db = await testDatabase();
  const { schedules, actors, fire } = processOn(db);
  const input = { title: "old", approver: "ann" };
  const starts: string[] = [];
  for (const id of ["changed", "deleted"]) {
    await schedules.put(id, { everyMs: hour, machine: "approval", input, overlap: "skip" });
    starts.push(`${id}@${await backdate(db, id, 10)}`);
    await fireAndDie(db);
  }
  await schedules.put("changed", { everyMs: hour, type: "debug.noop", overlap: "skip" });
  await schedules.remove("deleted");
  for (const id of starts) {
    const { context } = await actors.get("default", id);
    assertEquals(context, Object.assign({}, context, { title: "old" }));
  }
  const [run] = await schedules.runs("changed", {}, null, 10);
  assertEquals([run?.actorId, run?.outcome], [starts[0], "started"]);
  await db.sql`update perdura.actor set status = 'cancelled'`;
  await backdate(db, "changed", 5);
  await fire();
  assertEquals((await schedules.get("changed")).lastRun?.state, "pending");
});

Deno.test("pause, resume, trigger, change, delete", async () => {
  await using db = await testDatabase();
  const { schedules, fire } = processOn(db);
  const input = { cron: "0 3 * * *", timeZone: "Europe/Berlin", type: "debug.noop" };
  const { created } = await schedules.put("nightly", input);
  assert(created);
  const paused = await schedules.pause("nightly");
  assertEquals([paused.fireAt, paused.definition.paused, paused.version], [null, true, 2]);
  await db.sql`update perdura.schedule set anchor_at = anchor_at - interval '1 day'`;
  assertEquals(await fire(), 0);
  const run = await schedules.trigger("nightly");
  assertEquals([run.cause, run.outcome, run.state], ["trigger", "started", "pending"]);
  const [two, three] = await Promise.all([
    schedules.trigger("nightly"),
    schedules.trigger("nightly"),
  ]);
  assertEquals(new Set([run.jobId, two.jobId, three.jobId]).size, 3);
  const resumed = await schedules.resume("nightly");
  assert(Date.parse(resumed.fireAt ?? "") > Date.now());
  assertEquals(resumed.runCount, 3);
  await assertRejects(
    () => schedules.put("nightly", input, { ifVersion: 1 }),
    VersionConflictError,
  );
  const { schedule } = await schedules.put("nightly", { ...input, payload: { n: 1 } }, {
    ifVersion: 3,
  });
  assertEquals([schedule.fireAt, schedule.version], [resumed.fireAt, 4]);
  await schedules.remove("nightly");
  assertEquals((await db.sql`select from perdura.schedule_run`).length, 0);
  assertEquals((await jobsOf(db)).length, 3);
});

Deno.test("put() refuses an unknown type and a payload that does not fit, storing nothing", async () => {
  await using db = await testDatabase();
  const { schedules } = processOn(db);
  await assertRejects(
    () => schedules.put("a", { everyMs: 1_000, type: "no.such" }),
    UnknownTypeError,
  );
  const error = await assertRejects(
    () => schedules.put("a", { everyMs: 1_000, type: "debug.sleep", payload: { ms: "long" } }),
    InvalidInputError,
  );
  assertEquals(error.issues.map(({ path }) => path), ["payload.ms"]);
  const input = await assertRejects(
    () => schedules.put("a", { everyMs: 1_000, machine: "approval", input: { title: 1 } }),
    InvalidInputError,
  );
  assert(input.issues.every(({ path }) => path.startsWith("input.")));
  assertEquals((await db.sql`select from perdura.schedule`).length, 0);
});

Deno.test("ten thousand schedules due at once: a run each, by three processes together", async () => {
  await using db = await testDatabase();
  const processes = [processOn(db), processOn(db), processOn(db)];
  await processes[0]?.schedules.put("s", { cron: "0 0 3 * * *", type: "debug.noop" });
  await db.sql`
    insert into perdura.schedule (tenant_id, id, version, definition, type, fire_at, due_at, anchor_at)
    select 'default', 's' || n, 1, definition, type, date_trunc('second', now()), now(), now()
      from perdura.schedule, generate_series(1, 9999) n`;
  await db.sql`update perdura.schedule set fire_at = date_trunc('second', now()), due_at = now()`;
  for (let moved = 1; moved > 0;) {
    const counts = await Promise.all(processes.map(({ fire }) => fire()));
    moved = counts.reduce((sum, n) => sum + n, 0);
  }
  const [row] = await db.sql`
    select count(*)::integer as n, count(distinct metadata ->> 'scheduleId')::integer as of
      from perdura.job`;
  assertEquals([row?.n, row?.of], [10_000, 10_000]);
  const [line] = await db.sql`select count(*)::integer as n from perdura.schedule_run`;
  assertEquals(line?.n, 10_000);
});

Deno.test("a schedule that nobody here knows waits, and holds up none", async () => {
  await using db = await testDatabase();
  const { schedules, fire } = processOn(db);
  await schedules.put("a", { everyMs: hour, type: "debug.noop" });
  await schedules.put("b", { everyMs: hour, type: "debug.noop" });
  await db.sql`update perdura.schedule set type = 'of.others' where id = 'a'`;
  await backdate(db, "a", 5_000);
  await backdate(db, "b", 10);
  assertEquals(await fire(), 1);
  const [waiting] = await schedules.list(
    { tenantId: "default", isPaused: null, type: "of.others", machine: null },
    "",
    10,
  );
  assert((waiting?.latenessMs ?? 0) >= 5_000);
});
