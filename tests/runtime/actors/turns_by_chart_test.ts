/** The turns of an actor are left to who has its chart, as long as somebody alive has it. */
import { assertEquals } from "@std/assert";
import { assign, fromTransition, setup } from "xstate";
import { createRuntime, defineMachine, type MachineDefinition } from "perdura";
import { pinOf } from "../../../src/runtime/pins.ts";
import { newId } from "../../../src/core/id.ts";
import { eventually } from "../../support/build.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";

type Given = NonNullable<Parameters<typeof createRuntime>[0]["machines"]>;

/** Counts, beside a child with a chart and one without; `extra` makes it another chart. */
function counter(version: string, { extra = false } = {}): MachineDefinition {
  const kid = setup({}).createMachine({ id: "kid", initial: "up", states: { up: {} } });
  const sum = fromTransition((n: number) => n + 1, 0);
  const types = {} as { context: { n: number } };
  const machine = setup({ types, actors: { kid, sum } }).createMachine({
    id: "counter",
    context: { n: 0 },
    initial: "on",
    states: {
      on: {
        invoke: [{ src: "kid", id: "kid" }, { src: "sum", id: "sum" }],
        on: { ADD: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
      },
      ...extra ? { extra: {} } : {},
    },
  });
  return defineMachine(machine, { version });
}

function open({ url }: TestDatabase, machines: Given) {
  return createRuntime({ databaseUrl: url, machines, pollMs: 20 });
}

/** Somebody who says that they are alive, and have these charts. */
async function live({ store }: TestDatabase, charts: string[]): Promise<string> {
  const id = newId();
  await store.workers.beat({
    ...{ id, version: "1", types: [], machines: [], queues: null, partitionKey: null },
    ...{ everyMs: 3_600_000, concurrency: 1, running: 0, charts },
  });
  return id;
}

async function stepsOf({ sql }: TestDatabase): Promise<string[]> {
  const rows = await sql`select event from perdura.actor_step order by version`;
  return rows.map(({ event }) => event);
}

/** Mail of one whose chart `theirs` is not is left alone while somebody alive has it, and no longer. */
async function isLeft(theirs: Given, charts: string[]): Promise<string | undefined> {
  await using db = await testDatabase();
  await using mine = await open(db, [counter("1")]);
  await mine.actors.start({ machine: "counter", id: "c" });
  await mine.drive({ budgetMs: 20_000 });
  await mine.actors.post("c", { type: "ADD" });
  const other = await live(db, charts);
  await using program = await open(db, theirs);
  const before = await stepsOf(db);
  const { more, nextWakeAt } = await program.drive({ budgetMs: 20_000 });
  if ((await stepsOf(db)).length > before.length) return (await mine.actors.get(null, "c")).status;
  // It says that there is nothing for it, so nobody drives it in vain.
  assertEquals([more, nextWakeAt], [false, null]);
  assertEquals((await mine.actors.get(null, "c")).status, "active");
  await db.store.workers.leave(other);
  await program.drive({ budgetMs: 20_000 });
  const { status } = await mine.actors.get(null, "c");
  return `left, then ${status}`;
}

const pin = pinOf(counter("1")) ?? "";
const another = counter("1", { extra: true });

Deno.test("mail of an actor of another version is left to a worker that has it", async () => {
  assertEquals(await isLeft([counter("2")], [pin]), "left, then blocked");
  assertEquals(await isLeft([counter("2")], ["counter@*"]), "left, then blocked");
  assertEquals(await isLeft([counter("2")], ["counter@1:*"]), "left, then blocked");
});

Deno.test("so is that of another chart under the same version", async () => {
  assertEquals(await isLeft([another], [pin]), "left, then blocked");
});

Deno.test("who is alive and has other charts keeps nobody from saying that none is here", async () => {
  const others = ["counter@2:*", pinOf(another) ?? "", pinOf(counter("3")) ?? "", "other@*"];
  assertEquals(await isLeft([counter("2")], others), "blocked");
});

Deno.test("who takes actors over does so, whoever else has their chart", async () => {
  assertEquals(await isLeft([{ definition: counter("2"), adopts: true }], [pin]), "active");
});

/** Twenty actors and their children, events by the way that asks no chart; gives the steps of all. */
async function sideBySide(theirs: Given): Promise<string[]> {
  await using db = await testDatabase();
  await using first = await open(db, [counter("1")]);
  await using second = await open(db, theirs);
  for (const runtime of [first, second]) runtime.work();
  await eventually("both are alive", async () => (await db.store.workers.list()).length === 2);
  for (let n = 0; n < 10; n++) {
    await first.actors.start({ machine: "counter", id: `first-${n}` });
    await second.actors.start({ machine: "counter", id: `second-${n}` });
  }
  for (let sent = 0; sent < 10; sent++) {
    for (let n = 0; n < 10; n++) {
      await first.actors.post(`second-${n}`, { type: "ADD" });
      await second.actors.post(`first-${n}`, { type: "ADD" });
    }
  }
  await eventually("all is read", async () => {
    const mail = await db.sql`select from perdura.mailbox`;
    const begun = await db.sql`select from perdura.actor where version > 0`;
    return mail.length === 0 && begun.length === 60;
  });
  return await stepsOf(db);
}

Deno.test("workers of two versions side by side: nobody is blocked, children included", async () => {
  for (const adopts of [false, true]) {
    const steps = await sideBySide([{ definition: counter("2"), adopts }]);
    assertEquals(steps.filter((event) => event === "ADD").length, 200);
    assertEquals(steps.filter((event) => ["BLOCK", "UNBLOCK"].includes(event)), [], `${adopts}`);
  }
});
