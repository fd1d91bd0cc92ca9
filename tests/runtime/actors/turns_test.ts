/** Turns on a real database: many drivers, faults, versions, order, and who is kept waiting. */
import { assert, assertEquals } from "@std/assert";
import { assign, setup } from "xstate";
import { createRuntime, defineMachine, type MachineDefinition, type TransactionSql } from "perdura";
import { newId } from "../../../src/core/id.ts";
import { eventually } from "../../support/build.ts";
import { DEFERRED_MAX } from "../../../src/runtime/reading.ts";
import { testDatabase } from "../../support/database.ts";

const list = setup({
  types: {} as { context: { seen: string[] }; events: { type: "ADD"; what: string } },
}).createMachine({
  id: "list",
  context: { seen: [] },
  initial: "open",
  states: {
    open: {
      on: {
        ADD: { actions: assign({ seen: ({ context, event }) => [...context.seen, event.what] }) },
      },
    },
  },
});
const lists = defineMachine(list, { version: "1" });

function seenBy(actor: { context: unknown }): string[] {
  return Object(actor.context).seen;
}

Deno.test("many drivers: every event once, and each sender's in its order", async () => {
  await using db = await testDatabase();
  const open = () => createRuntime({ databaseUrl: db.url, machines: [lists], pollMs: 20 });
  await using a = await open();
  await using b = await open();
  await using c = await open();
  const ids = Array.from({ length: 10 }, (_, n) => `list-${n}`);
  for (const id of ids) await a.actors.start({ machine: "list", id });
  for (const runtime of [a, b, c]) runtime.work();
  const senders = [a, b, c].map(async ({ actors }, sender) => {
    for (let n = 0; n < 10; n++) {
      await Promise.all(ids.map((id) => {
        const event = { type: "ADD", what: `${sender}:${n}` };
        // By mail and by a turn at once, in turn: both ways keep the order.
        return n % 3 === 0 ? actors.send(id, event) : actors.post(id, event);
      }));
    }
  });
  await Promise.all(senders);
  for (const id of ids) {
    const seen = await eventually(`all events of ${id}`, async () => {
      const found = seenBy(await a.actors.get(null, id));
      return found.length >= 30 && found;
    });
    for (const sender of [0, 1, 2]) {
      const own = seen.filter((what) => what.startsWith(`${sender}:`));
      assertEquals(own, Array.from({ length: 10 }, (_, n) => `${sender}:${n}`));
    }
    const { version } = await a.actors.get(null, id);
    assertEquals([seen.length, version], [30, 31]);
  }
  const [mail] = await db.sql`select count(*)::int as n from perdura.mailbox`;
  assertEquals(mail?.n, 0);
});

Deno.test("a busy actor keeps nobody waiting", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [lists] });
  const { actors } = runtime;
  await actors.start({ machine: "list", id: "busy" });
  await actors.start({ machine: "list", id: "quiet" });
  await db.sql`
    insert into perdura.mailbox (tenant_id, actor_id, id, kind, body)
    select 'default', 'busy', gen_random_uuid(), 'event',
           '{"event":{"type":"ADD","what":"x"}}'
      from generate_series(1, 20000)`;
  await actors.post("quiet", { type: "ADD", what: "hello" });
  const worker = runtime.work();
  await eventually("the quiet one's turn", async () => {
    return seenBy(await actors.get(null, "quiet")).length === 1;
  });
  await worker.stop();
  const [left] = await db.sql`
    select count(*)::int as n from perdura.mailbox where actor_id = 'busy'`;
  assert(left?.n > 0, "the busy one still has mail");
});

Deno.test("mail that waits for actors which are not there yet keeps nobody waiting", async () => {
  await using db = await testDatabase();
  // Their start waits in the inbox, since this process does not look into it.
  await db.sql`select perdura.start_actor('list', 'null', jsonb_build_object('id', 'later-' || n))
                 from generate_series(1, 300) n`;
  await db.sql`
    insert into perdura.mailbox (tenant_id, actor_id, id, kind, body, due_at)
    select 'default', 'later-' || n, gen_random_uuid(), 'event',
           '{"event":{"type":"ADD","what":"x"}}', now() - interval '1 hour'
      from generate_series(1, 300) n`;
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [lists] });
  await runtime.actors.start({ machine: "list", id: "here" });
  await runtime.actors.post("here", { type: "ADD", what: "hello" });
  const claim = await db.store.actors.claim({
    turnId: newId(),
    worker: newId(),
    spareMs: 1_000,
    machines: ["list"],
    charts: [],
    actors: 100,
    mailPerActor: 10,
    look: 1_000,
    from: null,
  });
  assertEquals(claim.actors.map(({ id }) => id), ["here"]);
  assertEquals(claim.nobody.length, 99);
});

/** Throws on `BREAK` until it is repaired. Its chart is the same either way. */
function fragile(isRepaired: boolean, version = "1"): MachineDefinition {
  const machine = setup({
    types: {} as { context: { n: number }; events: { type: "BREAK" } | { type: "COUNT" } },
    guards: {
      isFine: () => {
        if (!isRepaired) throw new Error("out of order");
        return true;
      },
    },
    actions: { count: assign({ n: ({ context }) => context.n + 1 }) },
  }).createMachine({
    id: "fragile",
    context: { n: 0 },
    on: { BREAK: { guard: "isFine", actions: "count" }, COUNT: { actions: "count" } },
  });
  return defineMachine(machine, { version });
}

Deno.test("a machine that throws stalls its own actor, and goes on when it is repaired", async () => {
  await using db = await testDatabase();
  {
    await using runtime = await createRuntime({ databaseUrl: db.url, machines: [fragile(false)] });
    const { actors } = runtime;
    for (const id of ["a", "b"]) await actors.start({ machine: "fragile", id });
    await actors.post("a", { type: "COUNT" });
    const { outcome, reason, actor } = await actors.send("a", { type: "BREAK" });
    assertEquals([outcome, reason, actor.status], ["deferred", "stalled", "stalled"]);
    assertEquals(Object(actor.error).code, "threw");
    assertEquals(Object(actor.error).message, "guards.isFine: out of order");
    // What came before it in the same mailbox is done, what comes after it waits.
    assertEquals(actor.context, { n: 1 });
    await actors.post("a", { type: "COUNT" });
    await actors.post("b", { type: "COUNT" });
    await runtime.drive({ budgetMs: 20_000 });
    assertEquals((await actors.get(null, "a")).context, { n: 1 });
    assertEquals((await actors.get(null, "b")).context, { n: 1 });
    assertEquals((await actors.resume("a")).status, "active");
    await runtime.drive({ budgetMs: 20_000 });
    assertEquals((await actors.get(null, "a")).status, "stalled");
  }
  await using repaired = await createRuntime({ databaseUrl: db.url, machines: [fragile(true)] });
  await repaired.actors.resume("a");
  await repaired.drive({ budgetMs: 20_000 });
  const { status, context } = await repaired.actors.get(null, "a");
  assertEquals([status, context], ["active", { n: 3 }]);
});

Deno.test("resume() may throw away the mail that an actor stalled on", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [fragile(false)] });
  const { actors } = runtime;
  await actors.start({ machine: "fragile", id: "a" });
  await actors.send("a", { type: "BREAK" });
  await actors.post("a", { type: "COUNT" });
  await actors.resume("a", { skip: true });
  await runtime.drive({ budgetMs: 20_000 });
  const { status, context } = await actors.get(null, "a");
  assertEquals([status, context], ["active", { n: 1 }]);
});

Deno.test("an actor of a version that is not here is blocked, and goes on where it is", async () => {
  await using db = await testDatabase();
  {
    await using old = await createRuntime({ databaseUrl: db.url, machines: [fragile(true, "1")] });
    await old.actors.start({ machine: "fragile", id: "a" });
  }
  await using newer = await createRuntime({ databaseUrl: db.url, machines: [fragile(true, "2")] });
  const sent = await newer.actors.send("a", { type: "COUNT" }, { timeoutMs: 0 });
  assertEquals(sent.outcome, "deferred");
  await newer.drive({ budgetMs: 20_000 });
  const blocked = await newer.actors.get(null, "a");
  assertEquals([blocked.status, Object(blocked.error).code], ["blocked", "unknown_version"]);
  await using both = await createRuntime({
    databaseUrl: db.url,
    machines: [fragile(true, "1"), fragile(true, "2")],
  });
  await both.drive({ budgetMs: 20_000 });
  const { status, context, machineVersion } = await both.actors.get(null, "a");
  assertEquals([status, context, machineVersion], ["active", { n: 1 }, "1"]);
});

const door = setup({ types: {} as { context: { log: string[] } } }).createMachine({
  id: "door",
  context: { log: [] },
  initial: "shut",
  states: {
    shut: { on: { OPEN: "open", LOCK: "locked" } },
    open: {
      on: {
        SHUT: "shut",
        RING: { actions: assign({ log: ({ context }) => [...context.log, "ring"] }) },
        KNOCK: { actions: assign({ log: ({ context }) => [...context.log, "knock"] }) },
      },
    },
    locked: { on: { RING: {} } },
  },
});
const doors = defineMachine(door, { version: "1", unhandled: "defer" });

Deno.test("events that are put off are offered again in order, in the next state", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [doors] });
  const { actors } = runtime;
  await actors.start({ machine: "door", id: "d" });
  const knock = await actors.send("d", { type: "KNOCK" });
  assertEquals([knock.outcome, knock.reason], ["deferred", "unknown"]);
  await actors.post("d", { type: "RING" });
  await runtime.drive({ budgetMs: 20_000 });
  assertEquals((await actors.get(null, "d")).context, { log: [] });
  await actors.send("d", { type: "OPEN" });
  assertEquals((await actors.get(null, "d")).context, { log: ["knock", "ring"] });
  const [mail] = await db.sql`select count(*)::int as n from perdura.mailbox`;
  assertEquals(mail?.n, 0);
  await actors.send("d", { type: "SHUT" });
  await actors.send("d", { type: "LOCK" });
  const forbidden = await actors.send("d", { type: "RING" });
  assertEquals([forbidden.outcome, forbidden.reason], ["unhandled", "forbidden"]);
});

Deno.test("a branch of a moment at which events were put off has them, in order, and others have not", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [doors] });
  const { actors } = runtime;
  await actors.start({ machine: "door", id: "d" });
  await actors.send("d", { type: "KNOCK" });
  await actors.send("d", { type: "RING" });
  await actors.send("d", { type: "OPEN" });
  const logOf = async (id: string) => {
    await runtime.drive({ budgetMs: 20_000 });
    await actors.send(id, { type: "OPEN" });
    const { state, context } = await actors.get(null, id);
    return [state, Object(context).log];
  };
  const forks = [["one", 2, ["knock"]], ["both", 3, ["knock", "ring"]], ["none", 1, []]] as const;
  for (const [name, at, log] of forks) {
    await actors.fork("d", { at, name });
    assertEquals(await logOf(name), ["open", log]);
  }
  await actors.fork("one", { at: 2, name: "again" });
  assertEquals(await logOf("again"), ["open", ["knock"]]);
  await actors.fork("d", { at: 6, name: "after" });
  assertEquals((await actors.get(null, "after")).context, { log: ["knock", "ring"] });

  await actors.rewind("d", { at: 3 });
  assertEquals((await actors.get(null, "d")).context, { log: [] });
  assertEquals(await logOf("d"), ["open", ["knock", "ring"]]);
  await actors.fork("d", { at: 3, name: "early" });
  await actors.rewind("early", { at: 1 });
  assertEquals(await logOf("early"), ["open", ["knock", "ring"]], "they wait: each is read once");
  const [left] = await db.sql`select count(*)::int as n from perdura.mailbox`;
  assertEquals(left?.n, 0);
});

Deno.test("what was put off is once in the mailbox, however often an actor is rewound and forked", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [doors] });
  const { actors } = runtime;
  const send = (id: string, ...types: string[]) =>
    types.reduce<Promise<unknown>>(
      (sent, type) => sent.then(() => actors.send(id, { type })),
      Promise.resolve(),
    );
  const versionOf = async (id: string) => (await actors.get(null, id)).version;
  const logOf = async (id: string) => Object((await actors.get(null, id)).context).log;
  const turn = () => runtime.drive({ budgetMs: 20_000 });
  await actors.start({ machine: "door", id: "d" });
  await send("d", "KNOCK", "RING", "OPEN");
  const branches: number[] = [];
  for (const hasTurn of [true, true, false, false]) {
    await actors.rewind("d", { at: 3 });
    branches.push(await versionOf("d"));
    if (hasTurn) await turn();
  }
  await send("d", "OPEN");
  assertEquals(await logOf("d"), ["knock", "ring"]);

  await actors.rewind("d", { at: 2 });
  await send("d", "OPEN");
  assertEquals(await logOf("d"), ["knock"], "the one that had been put off by then");
  const all = [...branches.map((at) => [at, ["knock", "ring"]] as const), [2, ["knock"]] as const];
  for (const [at, log] of all) {
    await actors.rewind("d", { at });
    await actors.rewind("d", { at });
    await turn();
    await send("d", "OPEN");
    assertEquals(await logOf("d"), log, `rewound to version ${at}`);
  }
  for (const at of branches) {
    await actors.fork("d", { at, name: `d-${at}` });
    await actors.fork(`d-${at}`, { at: 1, name: `d-${at}-1` });
    for (const id of [`d-${at}`, `d-${at}-1`]) {
      await turn();
      await send(id, "OPEN");
      assertEquals(await logOf(id), ["knock", "ring"], id);
      await actors.rewind(id, { at: 1 });
      await actors.rewind(id, { at: 1 });
      await send(id, "OPEN");
      assertEquals(await logOf(id), ["knock", "ring"], `${id}, rewound`);
    }
  }
  const [left] = await db.sql`select count(*)::int as n from perdura.mailbox`;
  assertEquals(left?.n, 0);
});

Deno.test("where retention has passed over the step of a rewind, another one doubles nothing", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [doors] });
  const { actors } = runtime;
  const send = (type: string) => actors.send("d", { type });
  await actors.start({ machine: "door", id: "d" });
  await send("KNOCK");
  await send("OPEN");
  const { version } = await actors.rewind("d", { at: 2 });
  await send("RING");
  await send("OPEN");
  await actors.rewind("d", { at: version + 2 });
  await db.sql`
    update perdura.actor_step s set snapshot = r.snapshot from perdura.actor_step r
     where r.actor_id = s.actor_id and r.version = ${version} and s.version = ${version + 1}`;
  await db.sql`delete from perdura.actor_step where version <= ${version}`;
  await actors.rewind("d", { at: version + 2 });
  await send("OPEN");
  assertEquals(Object((await actors.get(null, "d")).context).log, ["knock", "ring"]);
});

Deno.test("no more than twenty events are put off: what comes then is recorded as unhandled", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [doors] });
  const { actors } = runtime;
  await actors.start({ machine: "door", id: "d" });
  const outcomes: string[] = [];
  for (let n = 0; n < DEFERRED_MAX + 2; n++) {
    outcomes.push((await actors.send("d", { type: "KNOCK" })).outcome);
  }
  await actors.post("d", { type: "RING" });
  await runtime.drive({ budgetMs: 20_000 });
  assertEquals(outcomes.filter((each) => each === "deferred").length, DEFERRED_MAX);
  assertEquals(outcomes.slice(-2), ["unhandled", "unhandled"]);
  const past = await actors.history(null, "d", 0, 100);
  assertEquals([past.at(-1)?.event, past.at(-1)?.outcome], ["RING", "unhandled"]);
  await actors.send("d", { type: "OPEN" });
  const { context } = await actors.get(null, "d");
  assertEquals(context, { log: Array(DEFERRED_MAX).fill("knock") });
});

Deno.test("what PostgreSQL refuses stalls its own actor", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [lists] });
  const { actors } = runtime;
  for (const id of ["a", "b"]) await actors.start({ machine: "list", id });
  await db.sql`
    do $$ declare t record; begin
      for t in select inhrelid::regclass as name from pg_inherits
                where inhparent = 'perdura.actor_step'::regclass loop
        execute format('alter table %s add constraint refuse check (
          actor_id <> ''a'' or event <> ''ADD'') not valid', t.name);
      end loop; end $$`;
  await actors.post("a", { type: "ADD", what: "x" });
  await actors.post("b", { type: "ADD", what: "x" });
  await runtime.drive({ budgetMs: 20_000 });
  const a = await actors.get(null, "a");
  assertEquals([a.status, Object(a.error).code], ["stalled", "refused_by_database"]);
  assertEquals(seenBy(await actors.get(null, "b")), ["x"]);
});

Deno.test("who waits for a lock of the author's keeps nobody else from their turns", async () => {
  await using db = await testDatabase();
  await db.sql`create table seat (n integer)`;
  await db.sql`insert into seat values (1)`;
  const machine = setup({
    types: {} as { context: { n: number } },
    actions: { take: () => {}, count: assign({ n: ({ context }) => context.n + 1 }) },
  }).createMachine({
    id: "taker",
    context: { n: 0 },
    on: { TAKE: { actions: ["take", "count"] }, COUNT: { actions: "count" } },
  });
  const run = async ({ sql, address }: { sql?: unknown; address: string }) => {
    const send: TransactionSql = Object(sql);
    if (address !== "other") await send`select from seat for update nowait`;
  };
  const actions = { take: { mode: "transactional", run } } as const;
  const machines = [defineMachine(machine, { version: "1", actions })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines, pollMs: 50 });
  const { actors } = runtime;
  for (const id of ["first", "other", "plain"]) await actors.start({ machine: "taker", id });
  await actors.post("first", { type: "TAKE" });
  await actors.post("other", { type: "TAKE" });
  await actors.post("plain", { type: "COUNT" });
  const hold = await db.sql.reserve();
  await hold`begin`;
  await hold`select from seat for update`;
  runtime.work();
  const untilRead = (id: string) =>
    eventually(`${id} has its turn`, async () => (await actors.get(null, id)).version === 2);
  await untilRead("other");
  await untilRead("plain");
  assertEquals((await actors.get(null, "first")).version, 1);
  await hold`rollback`;
  hold.release();
  await untilRead("first");
});
