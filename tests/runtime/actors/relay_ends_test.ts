/** The last activity of an actor: its handler is anybody's before the commit, whatever was foreseen. */
import { assertEquals } from "@std/assert";
import { fromPromise, setup } from "xstate";
import { createRuntime, defineHandler, defineMachine } from "perdura";
import { z } from "zod";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";

const work = fromPromise<boolean, boolean>(({ input }) => Promise.resolve(input));

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
  const locked = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const holding = db.sql.begin(async (sql) => {
    await sql`select from perdura.actor for update`;
    locked.resolve();
    await free.promise;
  });
  await locked.promise;
  runtime.work();
  const waiting = async () =>
    (await db.sql`
      select pid || ' since ' || query_start as statement from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'
         and query like '-- Commit activities that have succeeded%'`).map((row) => row.statement);
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
  free.resolve();
  await holding;
  assertEquals((await actors.wait(null, "held", "done"))?.version, 2);
});

Deno.test("an activity that another one follows against what the last ones said goes on", async () => {
  await using db = await testDatabase();
  const ids = Array.from({ length: 40 }, (_, n) => `a${n}`);
  {
    await using other = await createRuntime({ databaseUrl: db.url, machines: [oneOrTwo] });
    for (const [n, id] of ids.entries()) {
      const input = { again: n % 4 > 1 };
      await other.actors.start({ machine: "one-or-two", id, input });
    }
  }
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [oneOrTwo],
    concurrency: 3,
    pollMs: 50,
  });
  runtime.work();
  for (const [n, id] of ids.entries()) {
    const over = await runtime.actors.wait(null, id, "done");
    assertEquals([over?.status, over?.version], ["done", n % 4 > 1 ? 3 : 2]);
  }
  const [left] = await db.sql`
    select (select count(*) from perdura.job)::int as jobs, (select count(*) from perdura.mailbox)::int as mail,
           (select count(*) from perdura.activity)::int as activities, count(*)::int as ended
      from perdura.job_archive`;
  assertEquals(left, { jobs: 0, mail: 0, activities: 0, ended: 60 });
  await eventually("its leases are gone", async () => {
    const [leases] = await db.sql`select count(*)::int as n from perdura.lease`;
    return leases?.n === 0;
  });
});
