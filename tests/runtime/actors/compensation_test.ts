/** Compensation: what was done is undone in the reverse order, by itself, and never silently dropped. */
import { assertEquals, assertThrows } from "@std/assert";
import { fromPromise, setup } from "xstate";
import { activityContext, createRuntime, defineMachine, MachineDefinitionError } from "perdura";
import { patch } from "../../../src/core/actor/mod.ts";
import { newId } from "../../../src/core/id.ts";
import type { Json } from "../../../src/core/json.ts";
import { activityHandlers } from "../../../src/runtime/activities.ts";
import { seatOf } from "../../../src/runtime/actor_starting.ts";
import { Machines } from "../../../src/runtime/machines.ts";
import { Turning } from "../../../src/runtime/turning.ts";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";
import { testWorker } from "../../support/worker.ts";

const undone: unknown[] = [];
let isHotelClosed = false;
/** Of the job that undid something last. */
let signal: AbortSignal | null = null;

function booking(what: string) {
  return fromPromise<string>(() => Promise.resolve(`${what} 1`));
}

function leaving(what: string) {
  return fromPromise<null, { output: string }>(({ input, self }) => {
    signal = activityContext(self).signal;
    if (what === "hotel" && isHotelClosed) return Promise.reject(new Error("Closed"));
    undone.push([what, input.output]);
    return Promise.resolve(null);
  });
}

const trip = setup({
  types: {} as { events: { type: "GO" } | { type: "FAIL" } },
  actors: {
    flight: booking("flight"),
    hotel: booking("hotel"),
    car: booking("car"),
    leaveFlight: leaving("flight"),
    leaveHotel: leaving("hotel"),
    broken: fromPromise<string>(() => Promise.reject(new Error("No trips today"))),
  },
}).createMachine({
  id: "trip",
  initial: "flying",
  states: {
    flying: { invoke: { src: "flight", id: "flight", onDone: "sleeping" } },
    sleeping: { invoke: { src: "hotel", id: "hotel", onDone: "driving" } },
    driving: { invoke: { src: "car", id: "car", onDone: "ready" } },
    ready: { on: { GO: "gone", FAIL: "failing" } },
    // Nobody takes its error: the actor fails with it.
    failing: { invoke: { src: "broken", id: "broken" } },
    gone: { type: "final" },
  },
});
const options = {
  version: "1",
  actors: {
    flight: { compensate: "leaveFlight" },
    hotel: { compensate: "leaveHotel" },
    broken: { maxAttempts: 1 },
  },
} as const;

Deno.test("a cancelled actor undoes what it did, the last thing first", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [defineMachine(trip, options)],
    pollMs: 50,
    backoff: { baseMs: 20, factor: 1, capMs: 20 },
  });
  const { actors, jobs } = runtime;
  undone.length = 0;
  isHotelClosed = true;
  runtime.work();
  for (const id of ["t", "kept"]) {
    await actors.start({ machine: "trip", id });
    await actors.wait(null, id, { state: "ready" });
  }
  await actors.send("kept", { type: "GO" });
  const cancelled = await actors.cancel("t", "rain");
  assertEquals(cancelled.status, "cancelled");
  const past = await actors.history(null, "t", 4, 10);
  assertEquals(past.map(({ event, cause, effects }) => [event, cause, effects]), [
    ["CANCEL", "rain", null],
    ["COMPENSATE", "rain", [
      { kind: "compensate", src: "leaveHotel", id: "hotel", gen: 2 },
      { kind: "compensate", src: "leaveFlight", id: "flight", gen: 1 },
    ]],
  ]);
  // Its retries are its own: tried until it can be done, and the next one waits for it.
  await eventually("some tries", async () => {
    const [job] = await db.sql`select attempt from perdura.job where type = 'trip:compensation'`;
    return Number(job?.attempt) >= 2;
  });
  assertEquals(undone, []);
  isHotelClosed = false;
  const job = await eventually("its end", async () => {
    const [row] = await db.sql`select id from perdura.job_archive where type = 'trip:compensation'`;
    return row && await jobs.get(null, row.id);
  });
  assertEquals([job.state, undone], ["succeeded", [["hotel", "hotel 1"], ["flight", "flight 1"]]]);
});

Deno.test("so does one that fails; what cannot be undone is a dead letter", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [defineMachine(trip, options)],
    pollMs: 50,
    backoff: { baseMs: 1, factor: 1, capMs: 1 },
  });
  const { actors, jobs } = runtime;
  undone.length = 0;
  isHotelClosed = true;
  runtime.work();
  await actors.start({ machine: "trip", id: "t" });
  await actors.wait(null, "t", { state: "ready" });
  await actors.send("t", { type: "FAIL" });
  const id = await eventually("the dead letter", async () => {
    const [row] = await db.sql`select id from perdura.dead_letter where type = 'trip:compensation'`;
    return row && String(row.id);
  });
  assertEquals((await actors.get(null, "t")).status, "error");
  assertEquals(undone, []);
  isHotelClosed = false;
  await jobs.send(id, { type: "REQUEUE" }, { tenantId: null, ifVersion: null, cause: "test" });
  await eventually("its end", async () => (await jobs.get(null, id)).state === "succeeded");
  assertEquals(undone, [["hotel", "hotel 1"], ["flight", "flight 1"]]);
});

Deno.test("a compensation that is told to stop between two undoings begins no other", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, activityHandlers(new Machines([defineMachine(trip, options)])));
  undone.length = 0;
  isHotelClosed = false;
  const save = db.store.saveSteps.bind(db.store);
  const saveThenStop: typeof save = async (steps) => {
    const fates = await save(steps);
    await w.jobs.send(id, { type: "CANCEL" }, { tenantId: null, ifVersion: null, cause: "test" });
    await eventually("it is told to stop", () => Promise.resolve(signal?.aborted));
    return fates;
  };
  Object.assign(db.store, { saveSteps: saveThenStop });
  const undo = ["Hotel", "Flight"].map((what, gen) => ({
    ...{ src: `leave${what}`, id: what, gen, output: "1" },
  }));
  const { id } = await w.jobs.enqueueUnchecked({
    type: "trip:compensation",
    payload: { actor: "t", version: "1", undo },
  });
  await w.reach(id, "cancelled");
  assertEquals(undone, [["hotel", "1"]]);
});

Deno.test("a compensation that is no work of the machine is refused at the start", () => {
  for (const compensate of ["nothing", "leave"]) {
    assertThrows(
      () => defineMachine(trip, { version: "1", actors: { car: { compensate } } }),
      MachineDefinitionError,
      "options.actors.car.compensate",
    );
  }
});

/** Two things at once; what they give is held back by the test. */
const held = { flight: Promise.withResolvers<string>(), car: Promise.withResolvers<string>() };
const pair = defineMachine(
  setup({
    types: {} as { events: { type: "GO" } },
    actors: {
      flight: fromPromise<string>(() => held.flight.promise),
      car: fromPromise<string>(() => held.car.promise),
      leaveFlight: leaving("flight"),
    },
  }).createMachine({
    id: "pair",
    type: "parallel",
    states: {
      air: {
        initial: "flying",
        states: {
          flying: { invoke: { src: "flight", id: "flight", onDone: "there" } },
          there: {},
        },
      },
      // Nobody takes its error: the actor fails with it.
      road: { invoke: { src: "car", id: "car" } },
    },
  }),
  {
    version: "1",
    actors: { flight: { compensate: "leaveFlight" }, car: { maxAttempts: 1 } },
  },
);

/** Both under way; what has ended is mail that nobody reads, for the actor is paused. */
async function withPair(
  run: (given: {
    readonly actors: Awaited<ReturnType<typeof createRuntime>>["actors"];
    readonly untilMail: (count: number) => Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [pair], pollMs: 50 });
  const { actors } = runtime;
  undone.length = 0;
  held.flight = Promise.withResolvers<string>();
  held.car = Promise.withResolvers<string>();
  await actors.start({ machine: "pair", id: "p" });
  runtime.work();
  await eventually("both are under way", async () => {
    const jobs = await db.sql`select from perdura.job where attempt = 1 and parent_id is not null`;
    return jobs.length === 2;
  });
  await actors.pause("p");
  const untilMail = async (count: number) => {
    await eventually("mail", async () => {
      const mail = await db.sql`select from perdura.mailbox where kind in ('done', 'failed')`;
      return mail.length === count;
    });
  };
  await run({ actors, untilMail });
  await eventually("it is undone", () => Promise.resolve(undone.length > 0));
  assertEquals(undone, [["flight", "flight 1"]]);
  const past = await actors.history(null, "p", 0, 20);
  const undoings = past.filter(({ event }) => event === "COMPENSATE");
  assertEquals(undoings.map(({ effects }) => effects), [[
    { kind: "compensate", src: "leaveFlight", id: "flight", gen: 1 },
  ]]);
  for (const { version } of past) await actors.get(null, "p", version);
  held.car.resolve("car 1");
}

Deno.test("what was done and not read yet when its actor is cancelled is undone", async () => {
  await withPair(async ({ actors, untilMail }) => {
    held.flight.resolve("flight 1");
    await untilMail(1);
    await actors.cancel("p", "rain");
  });
});

Deno.test("so is what was done beside the failure that ended its actor", async () => {
  await withPair(async ({ actors, untilMail }) => {
    held.car.reject(new Error("No car"));
    await untilMail(1);
    held.flight.resolve("flight 1");
    await untilMail(2);
    await actors.resume("p");
    await eventually("its end", async () => (await actors.get(null, "p")).status === "error");
  });
});

/** Its work can be undone. */
function twoWays(version: string) {
  return defineMachine(
    setup({
      actors: {
        flight: fromPromise<string>(() => work.promise),
        car: fromPromise<string>(() => work.promise),
        leave: fromPromise<null, { output: string }>(() => Promise.resolve(null)),
      },
    }).createMachine({
      id: "ways",
      type: "parallel",
      states: {
        air: { invoke: { src: "flight", id: "flight" } },
        road: { invoke: { src: "car", id: "car" } },
      },
    }),
    { version, actors: { flight: { compensate: "leave" }, car: { compensate: "leave" } } },
  );
}
/** What gives its output, held back by a test. */
let work = Promise.withResolvers<string>();

Deno.test("a failure of what was under way at an end changes nothing, a success is one step more", () => {
  const machines = new Machines([twoWays("1")]);
  const { identity } = twoWays("1");
  const seat = seatOf("default", "t", identity);
  const turning = new Turning(seat, machines.logicOf(seat) ?? null, {
    maxAttempts: 3,
    maxCrashes: 3,
  }, {
    birth: { input: null, origin: null },
    machines,
  });
  turning.begin(undefined, "client");
  turning.end("cancelled", "CANCEL", "rain");
  const late = (childId: string, gen: number, end: object) => ({
    ...{ id: newId(), kind: "late", deferred: false, gen: null, sender: null } as const,
    body: { childId, gen, jobId: newId(), ...end },
  });
  turning.takeAll([
    late("car", 2, { output: "car 1" }),
    late("flight", 1, { error: { name: "Error", message: "No flight" } }),
  ]);
  const { steps, snapshot, jobs } = turning.finish();
  assertEquals(steps.map(({ event, outcome }) => `${event} ${outcome}`), [
    "START started",
    "CANCEL cancelled",
    "xstate.done.actor.car stale",
    "COMPENSATE cancelled",
    "xstate.done.actor.flight stale",
  ]);
  let past: Json = Object(steps[0]?.snapshot);
  for (const step of steps.slice(1)) if (step.patch) past = patch(past, step.patch);
  assertEquals(past, Object(snapshot));
  const undoings = jobs.filter(({ type }) => type === "ways:compensation");
  assertEquals(undoings.map(({ payloadJson }) => JSON.parse(payloadJson).undo), [[
    { src: "leave", id: "car", gen: 2, output: "car 1" },
  ]]);
});

Deno.test("what was done and not read when its actor ended is undone, though its chart is gone by then", async () => {
  await using db = await testDatabase();
  work = Promise.withResolvers<string>();
  {
    await using runtime = await createRuntime({
      databaseUrl: db.url,
      machines: [twoWays("1")],
      pollMs: 50,
    });
    const { actors } = runtime;
    await actors.start({ machine: "ways", id: "t" });
    const worker = runtime.work();
    await eventually("both are under way", async () => {
      return (await db.sql`select from perdura.job where attempt = 1`).length === 2;
    });
    await actors.pause("t");
    work.resolve("done");
    await eventually("mail", async () => {
      return (await db.sql`select from perdura.mailbox where kind = 'done'`).length === 2;
    });
    await worker.stop();
    await actors.cancel("t", "rain");
  }
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [twoWays("2")],
    pollMs: 50,
  });
  await runtime.drive({ budgetMs: 5_000 });
  const { status } = await runtime.actors.get(null, "t");
  const past = await runtime.actors.history(null, "t", 0, 20);
  assertEquals([status, past.map(({ event }) => event)], ["cancelled", [
    "START",
    "PAUSE",
    "CANCEL",
    "xstate.done.actor.flight",
    "COMPENSATE",
    "xstate.done.actor.car",
    "COMPENSATE",
  ]]);
  // For whoever has its chart.
  const jobs = await db.sql`select partition_key from perdura.job where type = 'ways:compensation'`;
  assertEquals(jobs.length, 2);
});
