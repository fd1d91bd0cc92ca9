/** What senders are promised, whichever way their events go: at once, or by mail. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { assign, setup } from "xstate";
import { TransitionRejectedError, VersionConflictError } from "../../../src/core/errors.ts";
import { defineMachine } from "../../../src/core/actor/mod.ts";
import { over } from "../../../src/core/over.ts";
import { createRuntime, Runtime } from "../../../src/library/runtime.ts";
import { withDefaults } from "../../../src/library/settings.ts";
import { newId } from "../../../src/core/id.ts";
import { Machines } from "../../../src/runtime/machines.ts";
import { Turning } from "../../../src/runtime/turning.ts";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";
import { untilBlocked } from "../../support/locks.ts";
import { counter } from "./counter.ts";

const INC = { type: "INC" } as const;
const KEYS = 40;

Deno.test("two sendings with one key are one event, at once and by mail in the same moment", async () => {
  await using db = await testDatabase();
  await using one = await createRuntime({ databaseUrl: db.url, machines: [counter] });
  await using other = await createRuntime({ databaseUrl: db.url, machines: [counter] });
  await one.actors.start({ machine: "counter", id: "a" });
  const worker = other.work();
  for (let n = 0; n < KEYS; n++) {
    const options = { key: `k${n}` };
    await Promise.all([
      one.actors.send("a", INC, options),
      other.actors.post("a", INC, options),
      one.actors.post("a", INC, options),
      other.actors.send("a", INC, options),
    ]);
  }
  await worker.stop();
  await one.drive({ budgetMs: 20_000 });
  const { context } = await one.actors.get(null, "a");
  assertEquals(context, { n: KEYS });
});

Deno.test("the key of an event that is on its way by mail is taken: whoever steps it at once waits for it", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [counter] });
  await runtime.actors.start({ machine: "counter", id: "a" });
  const mailId = newId();
  const hold = await db.sql.reserve();
  await hold`begin`;
  await hold`
    insert into perdura.mail_key (tenant_id, actor_id, key, mail_id)
    values ('default', 'a', 'k', ${mailId})`;
  await hold`
    insert into perdura.mailbox (tenant_id, actor_id, id, kind, body)
    values ('default', 'a', ${mailId}, 'event', '{"event":{"type":"INC"}}')`;
  const sent = runtime.actors.send("a", INC, { key: "k" });
  try {
    await eventually("it waits for the key", async () => {
      const waiting = await db.sql`
        select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
      return waiting.length > 0;
    });
  } finally {
    await hold`commit`;
    hold.release();
  }
  await runtime.drive({ budgetMs: 20_000 });
  const { outcome } = await sent;
  const { context, version } = await runtime.actors.get(null, "a");
  assertEquals([outcome, context, version], ["handled", { n: 1 }, 2]);
});

Deno.test("of two events for one version, one is read, at once or by mail", async () => {
  await using db = await testDatabase();
  await using here = await createRuntime({ databaseUrl: db.url, machines: [counter] });
  await using elsewhere = await createRuntime({ databaseUrl: db.url, machines: [] });
  await here.actors.start({ machine: "counter", id: "a" });
  const aim = { expectVersion: 1 };
  await elsewhere.actors.post("a", INC, aim);
  const sent = elsewhere.actors.send("a", INC, aim);
  const refused = assertRejects(() => sent, VersionConflictError);
  await here.drive({ budgetMs: 20_000 });
  await refused;
  await assertRejects(() => here.actors.send("a", INC, aim), VersionConflictError);
  const { context } = await here.actors.get(null, "a");
  assertEquals(context, { n: 1 });
  const [, , late] = await here.actors.history(null, "a", 0, 10);
  assertEquals([late?.event, late?.outcome, late?.reason], [
    "INC",
    "unhandled",
    "version_conflict",
  ]);
});

Deno.test("mail that is due before an event for a version moves the actor on: the event is refused", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [counter] });
  await runtime.actors.start({ machine: "counter", id: "a" });
  await runtime.actors.post("a", INC);
  const aimed = () => runtime.actors.send("a", INC, { expectVersion: 1 });
  await assertRejects(aimed, VersionConflictError);
  const { context, version } = await runtime.actors.get(null, "a");
  assertEquals([context, version], [{ n: 1 }, 2]);
});

Deno.test("an event that is sent again long after it was read is not waited for", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [counter] });
  const { actors } = runtime;
  await actors.start({ machine: "counter", id: "a" });
  await actors.send("a", INC, { key: "k" });
  const again = () => actors.send("a", INC, { key: "k" });
  assertEquals((await again()).reason, null);
  await db.sql`delete from perdura.actor_step where version = 2`;
  const { outcome, reason, actor } = await again();
  assertEquals([outcome, reason, actor.context], ["handled", "earlier", { n: 1 }]);
});

const shop = defineMachine(
  setup({ types: {} as { events: { type: "OPEN" } | { type: "BUY" } } }).createMachine({
    id: "shop",
    initial: "closed",
    states: { closed: { on: { OPEN: "open" } }, open: { on: { BUY: "sold" } }, sold: {} },
  }),
  { version: "1", unhandled: "defer" },
);

Deno.test("an event that was put off and then read is told as read when it is sent again", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [shop] });
  const { actors } = runtime;
  await actors.start({ machine: "shop", id: "s" });
  const buy = () => actors.send("s", { type: "BUY" }, { key: "k" });
  assertEquals((await buy()).outcome, "deferred");
  assertEquals((await buy()).outcome, "deferred");
  await actors.send("s", { type: "OPEN" });
  assertEquals((await buy()).outcome, "handled");
});

Deno.test("an event that was refused for its version may be sent again with its key", async () => {
  await using db = await testDatabase();
  await using here = await createRuntime({ databaseUrl: db.url, machines: [counter] });
  await using elsewhere = await createRuntime({ databaseUrl: db.url, machines: [] });
  await here.actors.start({ machine: "counter", id: "a" });
  await elsewhere.actors.post("a", INC);
  await elsewhere.actors.post("a", INC, { expectVersion: 1, key: "k" });
  await here.drive({ budgetMs: 20_000 });
  const { version } = await here.actors.get(null, "a");
  const again = await here.actors.send("a", INC, { expectVersion: version, key: "k" });
  assertEquals([again.outcome, again.actor.context], ["handled", { n: 2 }]);
});

Deno.test("an event whose key is given back while it is sent is sent all the same", async () => {
  await using db = await testDatabase();
  // The other event with this key is refused between the statement that finds it and the one that asks which it is.
  const mailOfKey: typeof db.store.actors.mailOfKey = async (name, key) => {
    await db.sql`delete from perdura.mail_key where key = ${key}`;
    return await db.store.actors.mailOfKey(name, key);
  };
  const actorStore = over(db.store.actors, { mailOfKey });
  const send: typeof db.store.actors.send = async (mail) => {
    const [{ id = "", key = null } = {}] = mail;
    if (isFirst) {
      await db.sql`
        insert into perdura.mail_key (tenant_id, actor_id, key, mail_id)
        values ('default', ${id}, ${key}, ${newId()})`;
    }
    isFirst = false;
    return await db.store.actors.send(mail);
  };
  let isFirst = true;
  const store = over(db.store, { actors: over(actorStore, { send }) });
  const runtime = new Runtime(store, [], withDefaults({}), { machines: new Machines([counter]) });
  await runtime.actors.start({ machine: "counter", id: "a" });
  const id = await runtime.actors.post("a", INC, { key: "k" });
  const mail = await db.sql`select id from perdura.mailbox`;
  assertEquals(mail.map((row) => row.id), [id]);
});

Deno.test("an event for a version that its actor stalled on is read after the repair", async () => {
  await using db = await testDatabase();
  const counting = (isRepaired: boolean) =>
    defineMachine(
      setup({
        types: {} as { context: { n: number }; events: { type: "INC" } },
        actions: {
          count: assign({
            n: ({ context }) => {
              if (!isRepaired) throw new Error("out of order");
              return context.n + 1;
            },
          }),
        },
      }).createMachine({ id: "counter", context: { n: 0 }, on: { INC: { actions: "count" } } }),
      { version: "1" },
    );
  {
    await using broken = await createRuntime({ databaseUrl: db.url, machines: [counting(false)] });
    await broken.actors.start({ machine: "counter", id: "a" });
    await broken.actors.send("a", INC, { expectVersion: 1 });
    const { status, version } = await broken.actors.get(null, "a");
    assertEquals(status, "stalled");
    const aimed = () => broken.actors.post("a", INC, { expectVersion: version });
    await assertRejects(aimed, TransitionRejectedError);
  }
  await using repaired = await createRuntime({ databaseUrl: db.url, machines: [counting(true)] });
  await repaired.actors.resume("a");
  await repaired.drive({ budgetMs: 20_000 });
  const { status, context } = await repaired.actors.get(null, "a");
  assertEquals([status, context], ["active", { n: 1 }]);
});

Deno.test("of an event that was put off long before it was read, its last step is told", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [shop] });
  const { actors } = runtime;
  await actors.start({ machine: "shop", id: "s" });
  const buy = () => actors.send("s", { type: "BUY" }, { key: "k" });
  assertEquals((await buy()).outcome, "deferred");
  await actors.send("s", { type: "OPEN" });
  // More steps lie between than are looked at.
  await db.sql`update perdura.actor_step set version = version + 20000 where version > 2`;
  await db.sql`update perdura.actor set version = version + 20000`;
  await db.sql`
    insert into perdura.actor_step (tenant_id, actor_id, version, event, to_state, status, tags, outcome, machine_version)
    select 'default', 's', n, 'NONE', 'closed', 'active', '{}', 'unhandled', '1' from generate_series(3, 20002) n`;
  assertEquals((await buy()).outcome, "handled");
});

const DEFAULTS = { maxAttempts: 3, maxCrashes: 3 };

Deno.test("actors are locked in one order, whichever of them take keys and however they are given", async () => {
  await using db = await testDatabase();
  const machines = new Machines([counter]);
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [counter] });
  for (const id of ["a", "b"]) await runtime.actors.start({ machine: "counter", id });
  const turnOf = async (id: string, key: string | null) => {
    const view = await db.store.actors.read("default", id, 0, null);
    assert(view);
    const turning = new Turning(view, machines.logicOf(view) ?? null, DEFAULTS);
    turning.offer(INC, newId(), key);
    return turning.finish();
  };
  const turns = [await turnOf("b", "k"), await turnOf("a", null)];
  const others = [await turnOf("a", "k"), await turnOf("b", null)];
  const hold = await db.sql.reserve();
  await hold`begin`;
  await hold`
    insert into perdura.mail_key (tenant_id, actor_id, key, mail_id)
    select 'default', id, 'k', gen_random_uuid() from unnest(array['a', 'b']) id`;
  const first = db.store.actors.commit(newId(), null, turns);
  await untilBlocked(db.sql, 1);
  const second = db.store.actors.commit(newId(), null, others);
  await untilBlocked(db.sql, 2);
  const [row] = await hold`
    select count(*)::int as n from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))`;
  await hold`rollback`;
  const committed = await Promise.all([first, second]);
  assertEquals(row?.n, 1, "the second waits for the first, and holds nothing");
  assertEquals(committed.map(({ done }) => done.length), [2, 0]);
  // The first one in the order is waited for before any other is touched.
  await hold`begin`;
  await hold`select from perdura.actor where id = 'a' for update`;
  const third = db.store.actors.commit(newId(), null, [
    await turnOf("b", "l"),
    await turnOf("a", null),
  ]);
  await untilBlocked(db.sql, 1);
  await hold`select from perdura.actor where id = 'b' for update nowait`;
  await hold`rollback`;
  hold.release();
  assertEquals((await third).done.length, 2);
});
