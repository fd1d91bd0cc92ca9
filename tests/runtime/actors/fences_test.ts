/** Timers and activities of actors: never early, once, and only for the visit they belong to. */
import { assert, assertEquals } from "@std/assert";
import { assign, fromPromise, setup } from "xstate";
import { activityContext, createRuntime, defineMachine, type TransactionSql } from "perdura";
import { changeFor, claimAll, eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";

const HOUR_MS = 3_600_000;

const lamp = setup({}).createMachine({
  id: "lamp",
  initial: "off",
  states: {
    off: { on: { ON: "on" } },
    on: { on: { OFF: "off" }, after: { [HOUR_MS]: "burnt" } },
    burnt: { on: { ON: "on" } },
  },
});
const lamps = defineMachine(lamp, { version: "1" });

async function open(url: string) {
  return await createRuntime({ databaseUrl: url, machines: [lamps], pollMs: 20 });
}

Deno.test("a timer that came due while everything was down fires once", async () => {
  await using db = await testDatabase();
  {
    await using runtime = await open(db.url);
    await runtime.actors.start({ machine: "lamp", id: "l", event: { type: "ON" } });
    assertEquals((await runtime.drive({ budgetMs: 20_000 })).turns, 0);
  }
  await db.sql`update perdura.mailbox set due_at = now() - interval '2 hours'`;
  await using a = await open(db.url);
  await using b = await open(db.url);
  for (const runtime of [a, b]) runtime.work();
  const burnt = await a.actors.wait(null, "l", { state: "burnt" }, { timeoutMs: 60_000 });
  assertEquals(burnt?.version, 3);
  await b.actors.send("l", { type: "ON" });
  const past = await a.actors.history(null, "l", 0, 10);
  const taken = past.map(({ event, outcome }) => [event.slice(0, 12), outcome]);
  assertEquals(taken, [
    ["START", "started"],
    ["ON", "handled"],
    ["xstate.after", "handled"],
    ["ON", "handled"],
  ]);
});

Deno.test("a timer is never early, and an exit takes it away", async () => {
  await using db = await testDatabase();
  await using runtime = await open(db.url);
  const { actors } = runtime;
  const { actor } = await actors.start({ machine: "lamp", id: "l", event: { type: "ON" } });
  const [timer] = await db.sql`
    select extract(epoch from m.due_at - a.updated_at)::float8 * 1000 as ms
      from perdura.mailbox m join perdura.actor a on a.id = m.actor_id`;
  assertEquals([actor.state, timer?.ms], ["on", HOUR_MS]);
  // A moment before it is due by the database's clock: nothing.
  await db.sql`update perdura.mailbox set due_at = now() + interval '1 minute'`;
  assertEquals((await runtime.drive({ budgetMs: 20_000 })).turns, 0);
  await actors.send("l", { type: "OFF" });
  const [left] = await db.sql`select count(*)::int as n from perdura.mailbox`;
  assertEquals(left?.n, 0);
});

Deno.test("an `after` of an earlier visit never fires", async () => {
  await using db = await testDatabase();
  await using runtime = await open(db.url);
  const { actors } = runtime;
  await actors.start({ machine: "lamp", id: "l", event: { type: "ON" } });
  // As if it had fired at the very moment of the exit: read back in after it.
  await db.sql`create table stale as select * from perdura.mailbox`;
  await actors.send("l", { type: "OFF" });
  await actors.send("l", { type: "ON" });
  await db.sql`update stale set due_at = now(), id = gen_random_uuid()`;
  await db.sql`insert into perdura.mailbox select * from stale`;
  await runtime.drive({ budgetMs: 20_000 });
  const { state } = await actors.get(null, "l");
  const last = (await actors.history(null, "l", 0, 10)).at(-1);
  assertEquals([state, last?.outcome, last?.to], ["on", "stale", "on"]);
});

/** Work that the test lets go, and what it has seen. */
class Gate {
  readonly started: string[] = [];
  readonly aborted: string[] = [];
  readonly #doors = new Map<string, () => void>();

  work() {
    return fromPromise<string, string>(async ({ input, signal }) => {
      this.started.push(input);
      signal.addEventListener("abort", () => this.aborted.push(input));
      await new Promise<void>((done) => this.#doors.set(input, done));
      return `done ${input}`;
    });
  }

  open(name: string): void {
    this.#doors.get(name)?.();
  }

  has(name: string): Promise<boolean> {
    return eventually(`${name} to begin`, () => Promise.resolve(this.started.includes(name)));
  }
}

function jobber(gate: Gate) {
  const machine = setup({
    types: {} as { context: { round: number; got: unknown } },
    actors: { work: gate.work() },
  }).createMachine({
    id: "jobber",
    context: { round: 0, got: null },
    initial: "working",
    states: {
      working: {
        entry: assign({ round: ({ context }) => context.round + 1 }),
        invoke: {
          src: "work",
          id: "work",
          input: ({ context }) => `round ${context.round}`,
          onDone: { target: "over", actions: assign({ got: ({ event }) => event.output }) },
        },
        on: { AGAIN: { target: "working", reenter: true }, LEAVE: "idle" },
      },
      idle: {},
      over: { type: "final" },
    },
  });
  return defineMachine(machine, { version: "1" });
}

Deno.test("the late result of an earlier visit is dropped, and recorded", async () => {
  await using db = await testDatabase();
  const gate = new Gate();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [jobber(gate)],
    pollMs: 20,
  });
  const { actors } = runtime;
  await actors.start({ machine: "jobber", id: "j" });
  runtime.work();
  await gate.has("round 1");
  await actors.send("j", { type: "AGAIN" });
  await gate.has("round 2");
  // The first one finishes after all: its job succeeds before its cancel has reached it, or is
  // cancelled. Either way its result reaches nobody.
  gate.open("round 1");
  await eventually("the end of the first job", async () => {
    const jobs = await db.sql`select 1 from perdura.job_archive`;
    return jobs.length === 1;
  });
  assertEquals((await actors.get(null, "j")).state, "working");
  gate.open("round 2");
  const over = await actors.wait(null, "j", "done", { timeoutMs: 60_000 });
  assertEquals(Object(over?.context).got, "done round 2");
});

Deno.test("a result that was committed after its actor had left is recorded as stale", async () => {
  await using db = await testDatabase();
  const gate = new Gate();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [jobber(gate)] });
  const { actors } = runtime;
  await actors.start({ machine: "jobber", id: "j" });
  const [job] = await claimAll(db.store, 1);
  assert(job);
  await actors.send("j", { type: "AGAIN" });
  // A running job is only asked to end: it may succeed all the same.
  assertEquals(await db.store.commit(null, [changeFor(job, { type: "SUCCEED" })]), []);
  // And one whose result was in the mailbox before its actor left.
  await db.sql`
    insert into perdura.mailbox (tenant_id, actor_id, id, kind, body)
    values ('default', 'j', gen_random_uuid(), 'done', ${
    db.sql.json({ childId: "work", gen: 1, output: "done round 1" })
  })`;
  await actors.send("j", { type: "NOTHING" });
  const past = await actors.history(null, "j", 2, 10);
  assertEquals(past.map(({ event, outcome, reason }) => [event, outcome, reason]), [
    ["xstate.done.actor.work", "stale", "left"],
    ["xstate.done.actor.work", "stale", null],
    ["NOTHING", "unhandled", "unknown"],
  ]);
  assertEquals((await actors.get(null, "j")).state, "working");
});

Deno.test("work is asked to stop when its actor leaves", async () => {
  await using db = await testDatabase();
  const gate = new Gate();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [jobber(gate)],
    pollMs: 20,
  });
  const { actors } = runtime;
  await actors.start({ machine: "jobber", id: "j" });
  runtime.work();
  await gate.has("round 1");
  await actors.send("j", { type: "LEAVE" });
  await eventually("its signal", () => Promise.resolve(gate.aborted.includes("round 1")));
  await eventually("the end of its job", async () => {
    const [row] = await db.sql`select count(*)::int as n from perdura.job`;
    return row?.n === 0;
  });
  const [left] = await db.sql`select count(*)::int as n from perdura.activity`;
  assertEquals([left?.n, (await actors.get(null, "j")).state], [0, "idle"]);
});

Deno.test("an activity writes through its job's transaction, once", async () => {
  await using db = await testDatabase();
  await db.sql`create table effect (key text, attempt int)`;
  let failures = 1;
  const machine = setup({
    actors: {
      write: fromPromise<string, string>(async ({ input, self }) => {
        const { transaction, job } = activityContext(self);
        return await transaction(async (sql) => {
          await sql`insert into effect values (${input}, ${job.attempt})`;
          if (failures-- > 0) throw new Error("not yet");
          return `written ${input}`;
        });
      }),
    },
  }).createMachine({
    id: "writer",
    initial: "writing",
    states: {
      writing: { invoke: { src: "write", id: "write", input: "k", onDone: "over" } },
      over: { type: "final" },
    },
  });
  const writers = defineMachine(machine, { version: "1", actors: { write: { baseMs: 1 } } });
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [writers],
    pollMs: 20,
  });
  await runtime.actors.start({ machine: "writer", id: "w" });
  runtime.work();
  const over = await runtime.actors.wait(null, "w", "done", { timeoutMs: 60_000 });
  assert(over);
  assertEquals([...await db.sql`select key, attempt from effect`], [{ key: "k", attempt: 2 }]);
});

Deno.test("a transactional action commits with its turn, an outbox action after it", async () => {
  await using db = await testDatabase();
  await db.sql`create table ledger (key text, address text)`;
  const told: unknown[] = [];
  let isRefused = true;
  const machine = setup({
    types: {} as { events: { type: "BOOK"; key: string } },
    actions: {
      book: (_, _params: { key: string }) => {},
      tell: (_, _params: { key: string }) => {},
    },
  }).createMachine({
    id: "books",
    initial: "open",
    states: {
      open: {
        on: {
          BOOK: {
            target: "booked",
            actions: [
              { type: "book", params: ({ event }) => ({ key: event.key }) },
              { type: "tell", params: ({ event }) => ({ key: event.key }) },
            ],
          },
        },
      },
      booked: {},
    },
  });
  const books = defineMachine(machine, {
    version: "1",
    actions: {
      book: {
        mode: "transactional",
        run: async ({ address, params, sql }) => {
          const key: string = Object(params).key;
          const write: TransactionSql = Object(sql);
          await write`insert into ledger values (${key}, ${address})`;
          if (key === "bad" && isRefused) throw new Error("refused");
        },
      },
      tell: { mode: "outbox", run: ({ params }) => void told.push(params) },
    },
  });
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [books], pollMs: 20 });
  const { actors } = runtime;
  for (const id of ["good", "bad"]) await actors.start({ machine: "books", id });
  await actors.send("good", { type: "BOOK", key: "good" });
  const bad = await actors.send("bad", { type: "BOOK", key: "bad" }, { timeoutMs: 60_000 });
  assertEquals([bad.outcome, bad.reason, bad.actor.state], ["deferred", "stalled", "open"]);
  await runtime.drive({ budgetMs: 20_000 });
  const [stalled, done] = [await actors.get(null, "bad"), await actors.get(null, "good")];
  assertEquals([stalled.status, stalled.state, done.state], ["stalled", "open", "booked"]);
  assertEquals([...await db.sql`select key, address from ledger`], [
    { key: "good", address: "good" },
  ]);
  assertEquals(told, [{ key: "good" }]);
  // The event is kept, and taken when what it stalled on is repaired.
  isRefused = false;
  await actors.resume("bad");
  await runtime.drive({ budgetMs: 20_000 });
  assertEquals((await actors.get(null, "bad")).state, "booked");
  assertEquals(told, [{ key: "good" }, { key: "bad" }]);
});

Deno.test("an activity that may park waits for an operator, and its actor with it", async () => {
  await using db = await testDatabase();
  let isBroken = true;
  const machine = setup({
    actors: {
      work: fromPromise<string>(() => {
        return isBroken ? Promise.reject(new Error("broken")) : Promise.resolve("fine");
      }),
    },
  }).createMachine({
    id: "parker",
    initial: "working",
    states: {
      working: { invoke: { src: "work", id: "work", onDone: "over", onError: "failed" } },
      over: { type: "final" },
      failed: { type: "final" },
    },
  });
  const parkers = defineMachine(machine, {
    version: "1",
    actors: { work: { maxAttempts: 1, onExhausted: "park" } },
  });
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [parkers],
    pollMs: 20,
  });
  const { actors, jobs } = runtime;
  await actors.start({ machine: "parker", id: "p" });
  runtime.work();
  const id = await eventually("the dead letter", async () => {
    const [row] = await db.sql`select id from perdura.dead_letter`;
    return row?.id;
  });
  assertEquals((await actors.get(null, "p")).state, "working");
  isBroken = false;
  await jobs.send(id, { type: "REQUEUE" }, { tenantId: null, ifVersion: null, cause: "test" });
  const over = await actors.wait(null, "p", "done", { timeoutMs: 60_000 });
  assertEquals(over?.state, "over");
});
