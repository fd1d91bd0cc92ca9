/** The last activity of an actor: its handler is anybody's before the commit, whatever was foreseen. */
import { assertEquals } from "@std/assert";
import { fromPromise, setup } from "xstate";
import { createRuntime, defineHandler, defineMachine } from "perdura";
import { z } from "zod";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";
import { blocked, hold } from "../../support/locks.ts";

let gate = Promise.withResolvers<void>();
gate.resolve();

const work = fromPromise<boolean, boolean>(async ({ input }) => {
  await gate.promise;
  return input;
});

/** One activity, and a second one where the input says so. */
const oneOrTwo = defineMachine(
  setup({
    types: {} as { context: { again: boolean }; input: { again: boolean } },
    actors: { work },
    guards: { isAgain: ({ event }) => Object(event).output === true },
  }).createMachine({
    id: "one-or-two",
    context: ({ input }) => input,
    initial: "one",
    states: {
      one: {
        invoke: {
          src: "work",
          input: ({ context }) => context.again,
          onDone: [{ guard: "isAgain", target: "two" }, { target: "over" }],
        },
      },
      two: { invoke: { src: "work", input: () => false, onDone: "over" } },
      over: { type: "final" },
    },
  }),
  { version: "1" },
);

const note = defineHandler({ type: "note", input: z.null(), handle: () => null });

/** How many run, the most that did, and those that wait for three. */
let met = { running: 0, most: 0, three: Promise.withResolvers<void>() };

const meet = defineHandler({
  type: "meet",
  input: z.null(),
  handle: async () => {
    met.most = Math.max(met.most, ++met.running);
    if (met.running === 3) met.three.resolve();
    await met.three.promise;
    met.running--;
    return null;
  },
});

Deno.test("after a last activity its handler takes the next job before the actor's turn is committed", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [oneOrTwo],
    handlers: [note],
    concurrency: 1,
    pollMs: 50,
  });
  const { actors, jobs } = runtime;
  await actors.start({ machine: "one-or-two", id: "held", input: { again: false } });
  const release = await hold(db.sql, "select from perdura.actor for update");
  runtime.work();
  const waiting = () => blocked(db.sql, "-- Commit activities that have succeeded");
  let turn: string[] = [];
  await eventually("the turn waits for its actor", async () => {
    turn = await waiting();
    return turn.length === 1;
  });
  const job = await jobs.enqueue({ type: "note", payload: null });
  await eventually(
    "the job has run on the only handler",
    async () => (await jobs.get(null, job.id)).state === "succeeded",
  );
  assertEquals(await waiting(), turn);
  await release();
  assertEquals((await actors.wait(null, "held", "done"))?.version, 2);
});

/** So many ends that nothing follows foretell the next one. */
const ENDS = 6;

Deno.test("where nothing has followed for some time the handler is free while the actor is read", async () => {
  await using db = await testDatabase();
  await startElsewhere(db.url, Array.from({ length: ENDS }, () => false));
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [oneOrTwo],
    handlers: [note],
    concurrency: 1,
    pollMs: 50,
  });
  const { actors, jobs } = runtime;
  runtime.work();
  for (let n = 0; n < ENDS; n++) await actors.wait(null, `a${n}`, "done");
  await using other = await createRuntime({ databaseUrl: db.url, machines: [oneOrTwo] });
  gate = Promise.withResolvers();
  await other.actors.start({ machine: "one-or-two", id: "read", input: { again: false } });
  await eventually("its activity runs", async () => {
    const [job] = await db.sql`select state from perdura.job where started_at is not null`;
    return job !== undefined;
  });
  const release = await hold(db.sql, "lock table perdura.actor in access exclusive mode");
  gate.resolve();
  const job = await jobs.enqueue({ type: "note", payload: null });
  await eventually(
    "the job has run on the only handler",
    async () => (await jobs.get(null, job.id)).state === "succeeded",
  );
  assertEquals((await blocked(db.sql, "-- Actors that wait for activities")).length, 1);
  await release();
  assertEquals((await actors.wait(null, "read", "done"))?.version, 2);
});

Deno.test("an activity that another one follows against all that was foreseen goes on, and no handler is lost", async () => {
  await using db = await testDatabase();
  const again = Array.from({ length: 40 }, (_, n) => n > ENDS && n % 9 < 2);
  await startElsewhere(db.url, again);
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [oneOrTwo],
    handlers: [note, meet],
    concurrency: 3,
    pollMs: 50,
  });
  runtime.work();
  for (const [n, isAgain] of again.entries()) {
    const over = await runtime.actors.wait(null, `a${n}`, "done");
    assertEquals([over?.status, over?.version], ["done", isAgain ? 3 : 2]);
  }
  const [left] = await db.sql`
    select (select count(*) from perdura.job)::int as jobs, (select count(*) from perdura.mailbox)::int as mail,
           (select count(*) from perdura.activity)::int as activities, count(*)::int as ended
      from perdura.job_archive`;
  const ended = again.length + again.filter(Boolean).length;
  assertEquals(left, { jobs: 0, mail: 0, activities: 0, ended });
  // Each waits for two others: all three handlers are there, and no more.
  met = { running: 0, most: 0, three: Promise.withResolvers<void>() };
  const jobs = await runtime.jobs.enqueueMany(
    Array.from({ length: 9 }, () => ({ type: "meet", payload: null })),
  );
  for (const { id } of jobs) {
    await eventually(
      "it has ended",
      async () => (await runtime.jobs.get(null, id)).state === "succeeded",
    );
  }
  assertEquals(met.most, 3);
});

/** Actors `a0`, `a1`, … from a process that runs nothing. */
async function startElsewhere(databaseUrl: string, again: readonly boolean[]): Promise<void> {
  await using other = await createRuntime({ databaseUrl, machines: [oneOrTwo] });
  for (const [n, isAgain] of again.entries()) {
    await other.actors.start({ machine: "one-or-two", id: `a${n}`, input: { again: isAgain } });
  }
}
