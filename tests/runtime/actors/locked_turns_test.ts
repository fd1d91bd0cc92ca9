/** Turns in transactions of their own, where somebody else is in the way of the end. */
import { assertEquals } from "@std/assert";
import { setup } from "xstate";
import { createRuntime, defineMachine, type Runtime, type TransactionSql } from "perdura";
import { eventually } from "../../support/build.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { blocked, hold, untilBlocked } from "../../support/locks.ts";

const noting = defineMachine(
  setup({ actions: { note: () => {} } }).createMachine({
    id: "noting",
    initial: "a",
    states: { a: { on: { GO: { target: "b", actions: "note" } } }, b: {} },
  }),
  {
    version: "1",
    actions: {
      note: {
        mode: "transactional",
        run: async ({ sql, address }) => {
          const send: TransactionSql = Object(sql);
          await send`insert into noted values (${address})`;
        },
      },
    },
  },
);

async function notingOn(db: TestDatabase): Promise<Runtime> {
  await db.sql`create table noted (what text)`;
  await db.sql`grant insert on noted to public`;
  return await createRuntime({ databaseUrl: db.url, machines: [noting], pollMs: 50 });
}

Deno.test("an actor whose turn waited in vain for a lock at its end does not stall: it is taken again", async () => {
  await using db = await testDatabase();
  await using runtime = await notingOn(db);
  const { actors } = runtime;
  await actors.start({ machine: "noting", id: "n" });
  await actors.post("n", { type: "GO" });
  const release = await hold(db.sql, "lock table perdura.actor_step in access exclusive mode");
  runtime.work();
  await untilBlocked(db.sql);
  const [first = ""] = await blocked(db.sql);
  await eventually("it gives up", async () => !(await blocked(db.sql)).includes(first));
  await release();
  const after = await actors.wait(null, "n", { state: "b" });
  assertEquals([after?.status, after?.version], ["active", 2]);
  assertEquals((await db.sql`select what from noted`).map(({ what }) => what), ["n"]);
});

Deno.test("who is kept from its turn for long keeps nobody else from theirs", async () => {
  await using db = await testDatabase();
  await using runtime = await notingOn(db);
  const { actors } = runtime;
  for (const id of ["held", "other"]) {
    await actors.start({ machine: "noting", id });
    await actors.post(id, { type: "GO" });
  }
  const release = await hold(
    db.sql,
    "select from perdura.mailbox where actor_id = 'held' for update",
  );
  runtime.work();
  assertEquals((await actors.wait(null, "other", { state: "b" }))?.version, 2);
  assertEquals((await actors.get(null, "held")).state, "a");
  await release();
  assertEquals((await actors.wait(null, "held", { state: "b" }))?.version, 2);
});
