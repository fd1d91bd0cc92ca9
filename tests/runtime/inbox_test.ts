/** Jobs that are asked for in SQL: made once each, by anybody, and never lost. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { debugHandlers } from "../../handlers/debug.ts";
import { systemClock } from "../../src/core/clock.ts";
import {
  IdempotencyConflictError,
  InvalidInputError,
  TransitionRejectedError,
} from "../../src/core/errors.ts";
import { tenantTag } from "../../src/core/id.ts";
import { indexHandlers } from "../../src/runtime/handlers.ts";
import { emptyInbox, type InboxHost } from "../../src/runtime/inbox.ts";
import { Jobs } from "../../src/runtime/jobs.ts";
import { leaveJob } from "../../src/runtime/leaving.ts";
import { assertSound } from "../chaos/check.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const BY = { tenantId: null, ifVersion: null, cause: "test" };

function host(db: TestDatabase): InboxHost {
  return {
    store: db.store,
    handlers: indexHandlers(debugHandlers),
    clock: systemClock,
    defaults: {
      ...{ maxAttempts: 3, maxCrashes: 3 },
      backoff: { baseMs: 1_000, factor: 2, capMs: 300_000 },
    },
  };
}

Deno.test("perdura.enqueue() gives the id of the job that will be, with its options", async () => {
  await using db = await testDatabase();
  const [row] = await db.sql`
    select perdura.enqueue('debug.noop', '{"n": 1}', '{"tenantId": "acme", "priority": -3,
      "tags": ["sql"], "queue": "slow"}') as id`;
  assertEquals(await emptyInbox(host(db)), 1);
  const job = await db.store.get(null, row?.id);
  assertEquals(
    [job?.state, job?.tenantId, job?.priority, job?.queue, job?.tags, job?.payload],
    ["pending", "acme", -3, "slow", ["sql"], { n: 1 }],
  );
  assertEquals(await emptyInbox(host(db)), 0);
});

Deno.test("a trigger of the user's table asks for jobs in the user's transaction", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`
    create table customer (id int primary key);
    create function welcome() returns trigger language plpgsql as $$
      begin
        perform perdura.enqueue('debug.noop', jsonb_build_object('customer', new.id));
        return new;
      end $$;
    create trigger welcome after insert on customer for each row execute function welcome()`);
  const { reach, worker } = testWorker(db, debugHandlers);
  await db.sql.begin(async (tx) => {
    await tx`insert into customer select generate_series(1, 3)`;
    throw new Error("undone");
  }).catch(() => {});
  await db.sql`insert into customer values (7)`;
  const [letter] = await db.sql`
    select id from perdura.inbox union all select id from perdura.job
    union all select id from perdura.job_archive`;
  await eventually("it is taken out", async () => {
    return (await db.sql`select from perdura.inbox`).length === 0;
  });
  const job = await reach(letter?.id, "succeeded");
  assertEquals(job.payload, { customer: 7 });
  await worker.stop();
  assertEquals((await db.sql`select from perdura.job_archive`).length, 1);
});

Deno.test("what cannot become a job is a dead letter that says why, and holds up nobody", async () => {
  await using db = await testDatabase();
  const rows = await db.sql`
    select perdura.enqueue('no.such.type', '{}') as id
    union all select perdura.enqueue('debug.sleep', '{"ms": "long"}')
    union all select perdura.enqueue('debug.noop', '{}', '{"unknown": 1}')
    union all select perdura.enqueue('debug.noop', '{}', '[1]')
    union all select perdura.enqueue('debug.noop', null)
    union all select perdura.enqueue('debug.noop', '{}', '{"tenantId": "not a name"}')
    union all select perdura.enqueue('debug.noop', '{}')`;
  assertEquals(await emptyInbox(host(db)), 2);
  const jobs = await Promise.all(rows.map(({ id }) => db.store.get(null, id)));
  const states = jobs.map((job) => job?.state);
  assertEquals(states.filter((state) => state === "dead_letter").length, 5);
  const [unknown, payload] = jobs;
  assertEquals([unknown?.lastError?.code, payload?.lastError?.code], [
    "unknown_type",
    "invalid_input",
  ]);
  assert(payload?.lastError?.message.startsWith("payload.ms"));
  const history = await db.store.history(payload!, 0, 10);
  assertEquals(history.map((h) => [h.version, h.from, h.event, h.to, h.cause]), [
    [1, null, "ENQUEUE", "pending", null],
    [2, "pending", "CLAIM", "running", null],
    [3, "running", "FAIL", "dead_letter", "schema"],
  ]);
  await assertSound(db.sql, { acknowledged: rows.map(({ id }) => id), isDrained: false });
});

Deno.test("a refused letter that is requeued comes back with all that was asked for, and its key", async () => {
  await using db = await testDatabase();
  const options = {
    ...{ queue: "slow", priority: -3, tags: ["a b", "c"], idempotencyKey: "k", limitKey: "l" },
    ...{ maxAttempts: 7, maxCrashes: 2, timeoutMs: 5_000, partitionKey: "p", orderingKey: "o" },
    ...{ backoff: { baseMs: 10, factor: 3, capMs: 20 }, metadata: { n: 1 } },
  };
  const text = JSON.stringify(options);
  const ask = () =>
    db.sql`select perdura.enqueue('debug.sleep', '{"ms": "long"}', ${text}::text::jsonb) as id`;
  const [letter] = await ask();
  const id = String(letter?.id);
  await emptyInbox(host(db));
  const [later] = await ask();
  assert(later?.id !== id, "a dead letter has no key");
  await emptyInbox(host(db));
  const jobs = new Jobs(host(db));
  await jobs.send(id, { type: "REQUEUE" }, BY);
  const job = await jobs.get(null, id);
  assertEquals(job.state, "pending");
  for (const [name, value] of Object.entries(options)) {
    assertEquals(Reflect.get(job, name), value, name);
  }
  await assertRejects(
    () => jobs.send(String(later?.id), { type: "REQUEUE" }, BY),
    IdempotencyConflictError,
  );
  await assertSound(db.sql, { acknowledged: [id], isDrained: false });
});

Deno.test("a letter whose options cannot be read is not run without them, however it is brought back", async () => {
  await using db = await testDatabase();
  const all = [
    ...['{"delayMs": "soon"}', '{"unknown": 1}', "[1]", '{"unique": {"key": "k"}}'],
    ...['{"metadata": {"refusedOptions": 1}}', '{"metadata": {"uniqueKey": "k"}}'],
  ];
  const ids: string[] = [];
  for (const options of all) {
    const [row] = await db.sql`
      select perdura.enqueue('debug.effect', '{"key": "e"}', ${options}::text::jsonb) as id`;
    ids.push(String(row?.id));
  }
  await emptyInbox(host(db));
  await using running = testWorker(db, debugHandlers);
  for (const [n, id] of ids.entries()) {
    const dead = await running.jobs.get(null, id);
    assertEquals(Object(dead.metadata).refusedOptions, JSON.parse(all[n] ?? ""));
    await running.jobs.send(id, { type: "REQUEUE" }, BY);
  }
  await running.jobs.rerun(null, ids[0] ?? "");
  await eventually("they and the copy are refused", async () => {
    const rows = await db.sql`
      select from perdura.dead_letter
       where last_error ->> 'code' = 'invalid_input' and last_error ->> 'message' like 'options: %'`;
    return rows.length === all.length + 1;
  });
  assertEquals((await db.sql`select from debug_effect`).length, 0);
});

Deno.test("a PATCH neither takes the mark of a refused letter away nor gives one, and no CLAIM gets it", async () => {
  await using db = await testDatabase();
  const [row] = await db.sql`
    select perdura.enqueue('debug.effect', '{"key": "e"}', '{"delayMs": "soon"}') as id`;
  const id = String(row?.id);
  await emptyInbox(host(db));
  const jobs = new Jobs(host(db));
  await jobs.send(id, { type: "REQUEUE" }, BY);
  const refusedOptions = { delayMs: "soon" };
  const patched = await jobs.edit(id, { metadata: { note: "mine" } }, BY);
  assertEquals(patched.metadata, { note: "mine", refusedOptions });
  assertEquals((await jobs.edit(id, { metadata: null }, BY)).metadata, { refusedOptions });
  const claim = { worker: null, leaseMs: 30_000 };
  const refused = await assertRejects(() => jobs.claim(id, BY, claim), TransitionRejectedError);
  assert(refused.message.includes("ask for it again"), refused.message);

  const mine = await jobs.create({ type: "debug.noop", delayMs: 60_000 });
  for (const each of [mine.job.id, id]) {
    const error = await assertRejects(
      () => jobs.edit(each, { metadata: { refusedOptions: 1 } }, BY),
      InvalidInputError,
    );
    assertEquals(error.issues.map(({ path }) => path), ["metadata.refusedOptions"]);
  }

  await using running = testWorker(db, debugHandlers);
  await eventually("it is refused", async () => {
    return (await running.jobs.get(null, id)).state === "dead_letter";
  });
  assertEquals((await db.sql`select from debug_effect`).length, 0);
});

Deno.test("several drivers at once make each job once", async () => {
  await using db = await testDatabase();
  await db.sql`
    select perdura.enqueue('debug.noop', to_jsonb(n), jsonb_build_object('tenantId', 't' || n % 5))
      from generate_series(1, 2000) n`;
  await db.sql`select perdura.enqueue('no.such.type', '{}') from generate_series(1, 20)`;
  const made = await Promise.all([1, 2, 3, 4].map(() => emptyInbox(host(db))));
  assertEquals(made.reduce((sum, n) => sum + n), 2000);
  const [count] = await db.sql`
    select (select count(*) from perdura.job)::int as jobs,
           (select count(*) from perdura.dead_letter)::int as dead,
           (select count(*) from perdura.inbox)::int as letters`;
  assertEquals({ ...count }, { jobs: 2000, dead: 20, letters: 0 });
});

Deno.test("a strict key that is another job's makes a dead letter, not nothing", async () => {
  await using db = await testDatabase();
  const ask = async (payload: string, idempotency: string) => {
    const options = JSON.stringify({ idempotencyKey: "one", idempotency });
    const [row] = await db.sql`
      select perdura.enqueue('debug.noop', ${payload}::text::jsonb, ${options}::text::jsonb) as id`;
    await emptyInbox(host(db));
    return await db.store.get(null, row?.id);
  };
  const first = await ask('{"n": 1}', "strict");
  assertEquals(first?.state, "pending");
  assertEquals(await ask('{"n": 1}', "strict"), null);
  assertEquals((await ask('{"n": 2}', "return"))?.id, first?.id);
  const refused = await ask('{"n": 2}', "strict");
  assertEquals([refused?.state, refused?.lastError?.code], ["dead_letter", "idempotency_conflict"]);
  assert(refused?.lastError?.message.includes(first!.id));
  await db.sql`update perdura.unique_key set expires_at = now() - interval '1 s'`;
  assertEquals((await ask('{"n": 3}', "strict"))?.state, "dead_letter", "the first one lives");
  await leaveJob({ store: db.store, clock: systemClock }, "default", first!.id);
  assertEquals((await ask('{"n": 3}', "strict"))?.state, "pending");
});

Deno.test("a key in SQL gives the id of the job that has it, also before it is made and after it has ended", async () => {
  await using db = await testDatabase();
  const ask = async (options: Record<string, unknown>, type = "debug.noop") => {
    const text = JSON.stringify(options);
    const [row] = await db.sql`
      select perdura.enqueue(${type}, '{}', ${text}::text::jsonb) as id`;
    return row?.id;
  };
  const first = await ask({ idempotencyKey: "one" });
  assertEquals(await ask({ idempotencyKey: "one" }), first);
  assertEquals((await db.sql`select from perdura.inbox`).length, 1);
  const others = [
    await ask({ idempotencyKey: "two" }),
    await ask({ idempotencyKey: "one", tenantId: "acme" }),
    await ask({}),
    await ask({ idempotencyKey: "x".repeat(20_000) }),
  ];
  assertEquals(new Set([first, ...others]).size, 5);
  // It may become a dead letter: who asks for something else does not hear of it.
  const wrong = await ask({ idempotencyKey: "three" }, "no.such.type");
  others.push(await ask({ idempotencyKey: "three" }));
  assert(others.at(-1) !== wrong, "it has its own");
  assertEquals(await ask({ idempotencyKey: "three" }), others.at(-1));
  assertEquals(await ask({ idempotencyKey: "three" }, "no.such.type"), wrong);
  await emptyInbox(host(db));
  const expire = () => db.sql`update perdura.unique_key set expires_at = now() - interval '1 s'`;
  await expire();
  assertEquals(await ask({ idempotencyKey: "one" }), first);
  await db.sql`update perdura.unique_key set expires_at = now() + interval '1 day'`;
  await leaveJob({ store: db.store, clock: systemClock }, "default", first);
  assertEquals(await ask({ idempotencyKey: "one" }), first);
  assertEquals((await db.sql`select from perdura.inbox`).length, 0);
  for (const id of [first, ...others]) assert(await db.store.get(null, id), "nobody has this id");
  await expire();
  assertEquals(await ask({ idempotencyKey: "one" }) === first, false);
});

Deno.test("a key is found by its index, however long the inbox is and whatever the statistics say", async () => {
  await using db = await testDatabase();
  await db.sql`alter table perdura.inbox set (autovacuum_enabled = off)`;
  await db.sql`
    insert into perdura.inbox (tenant_id, id, type, payload, options)
    select 'default', gen_random_uuid(), 'debug.noop', '{}', jsonb_build_object('idempotencyKey', 'k' || n)
      from generate_series(1, 5000) n`;
  for (const isFresh of [false, true]) {
    if (isFresh) await db.sql`analyze perdura.inbox`;
    await db.sql.begin(async (tx) => {
      const read = async () => {
        const [row] = await tx`
          select seq_scan::int, idx_scan::int, idx_tup_fetch::int
            from pg_stat_xact_user_tables where relid = 'perdura.inbox'::regclass`;
        return [row?.seq_scan, row?.idx_scan, row?.idx_tup_fetch];
      };
      const before = await read();
      const [found] = await tx`select perdura.key_holder('default', 'debug.noop', 'k7') as id`;
      assert(found?.id);
      const after = await read();
      assertEquals(after.map((n, index) => n - before[index]), [0, 1, 1]);
    });
  }
});

Deno.test("who may add letters and no more may go on doing so with a key", async () => {
  await using db = await testDatabase();
  const made = await db.sql.begin(async (tx) => {
    await tx.unsafe(`
      create role inbox_only bypassrls; grant usage on schema perdura to inbox_only;
      grant insert on perdura.inbox to inbox_only; set local role inbox_only`);
    const [row] = await tx`
      select perdura.enqueue('debug.noop', '{}', '{"idempotencyKey": "one"}') as id`;
    await tx.unsafe("reset role; drop owned by inbox_only; drop role inbox_only");
    return row?.id;
  });
  await emptyInbox(host(db));
  assertEquals((await db.store.get(null, made))?.state, "pending");
});

Deno.test("what drains takes no job from SQL: it waits in the inbox, holds up nobody, and comes in afterwards", async () => {
  await using db = await testDatabase();
  const gate = { tenantId: "default", kind: "queue", name: "slow" } as const;
  await db.store.gates.setPause(gate, false, true);
  await db.sql`select perdura.enqueue('debug.noop', to_jsonb(n), '{"queue": "slow", "priority": 7}')
                 from generate_series(1, 600) n`;
  const [row] = await db.sql`select perdura.enqueue('debug.noop', '{}') as id`;
  assertEquals(await emptyInbox(host(db)), 1);
  assertEquals((await db.store.get(null, row?.id))?.state, "pending");
  assertEquals((await db.sql`select from perdura.inbox`).length, 600);
  assertEquals(await emptyInbox(host(db)), 0);
  await db.store.gates.setPause(gate, false, false);
  assertEquals(await emptyInbox(host(db)), 600);
  const [sum] = await db.sql`
    select count(*)::int as n from perdura.job where queue = 'slow' and priority = 7`;
  assertEquals(sum?.n, 600);
});

Deno.test("a tenant with as many waiting as it may have gets no more from SQL, and the others do", async () => {
  await using db = await testDatabase();
  const none = { ratePerMinute: null, burst: null, concurrency: null, weight: 1, backlog: 3 };
  await db.store.gates.setLimits({ tenantId: "acme", kind: "tenant", name: "" }, none);
  await db.sql`select perdura.enqueue('debug.noop', '{}', '{"tenantId": "acme"}')
                 from generate_series(1, 5)`;
  await db.sql`select perdura.enqueue('debug.noop', '{}', '{"tenantId": "zoo"}')`;
  assertEquals(await emptyInbox(host(db)), 4);
  const left = await db.sql`select tenant_id from perdura.inbox`;
  assertEquals(left.map(({ tenant_id }) => tenant_id), ["acme", "acme"]);
});

Deno.test("a driver that dies in the middle leaves the letter or the job, never both or neither", async () => {
  await using db = await testDatabase();
  await db.sql`select perdura.enqueue('debug.noop', '{}')`;
  // The statement of a driver that is rolled back, as a kill of its connection would.
  await db.sql.unsafe("alter table perdura.counter_delta add constraint broken check (n <> 1)");
  await emptyInbox(host(db)).catch(() => {});
  assertEquals((await db.sql`select from perdura.job`).length, 0);
  const left = await db.sql`select from perdura.inbox union all select from perdura.dead_letter`;
  assertEquals(left.length, 1);
});

Deno.test("perdura.tenant_tag() is the tag of the ids that the library makes", async () => {
  await using db = await testDatabase();
  const name = fc.stringMatching(/^[A-Za-z0-9_][\w.:@/-]{0,40}$/);
  const names = fc.sample(name, { numRuns: 300, seed: 7 });
  const rows = await db.sql`
    select n, perdura.tenant_tag(n) as tag from unnest(${names}::text[]) as n`;
  for (const row of rows) assertEquals(row.tag, tenantTag(row.n), row.n);
});
