/** What an actor asks for is done with the chart that it is pinned to, whoever else knows its name. */
import { assert, assertEquals } from "@std/assert";
import { fromPromise, setup } from "xstate";
import { createRuntime, defineMachine, type MachineDefinition, type Migration } from "perdura";
import { Machines } from "../../../src/runtime/machines.ts";
import { mayRun } from "../../../src/runtime/pins.ts";
import { laneKey } from "../../../src/core/lane.ts";
import { eventually } from "../../support/build.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";

type Given = NonNullable<Parameters<typeof createRuntime>[0]["machines"]>;

const done: string[] = [];

/**
 * A shop whose work and notes say who has done them; `extra` makes it another chart, `src` is the name of its work,
 * `isDeep` has a child do the first.
 */
function shop(
  version: string,
  who: string,
  { extra = false, src = "charge", isDeep = false } = {},
) {
  const work = fromPromise(() => Promise.resolve(done.push(`charge by ${who}`)));
  const more = extra ? { extra: {} } : {};
  const kid = setup({ actors: { [src]: work } }).createMachine({
    id: "kid",
    initial: "paying",
    states: { paying: { invoke: { src, onDone: "paid" } }, paid: { type: "final" }, ...more },
  });
  const note = () => void done.push(`note by ${who}`);
  const machine = setup({ actors: { [src]: work, kid }, actions: { note } }).createMachine({
    id: "shop",
    initial: "paying",
    states: {
      paying: { invoke: { id: "charge", src: isDeep ? "kid" : src, onDone: "charged" } },
      charged: { invoke: { src, onDone: { target: "paid", actions: "note" } } },
      paid: { type: "final" },
      ...more,
    },
  });
  return defineMachine(machine, { version });
}

function open({ url }: TestDatabase, machines: Given) {
  done.length = 0;
  return createRuntime({ databaseUrl: url, machines, pollMs: 20 });
}

async function only({ sql }: TestDatabase) {
  const [job, ...others] = await sql`
    select id, type, attempt, version, partition_key as partition from perdura.job`;
  assertEquals(others.length, 0);
  return job ?? {};
}

/** Who has `theirs` does nothing of what an actor, or its child, has asked for; who has its chart does. */
async function leavesIt(theirs: MachineDefinition, isDeep: boolean) {
  await using db = await testDatabase();
  const ours = shop("1", "us", { isDeep });
  await using mine = await open(db, [ours]);
  await mine.actors.start({ machine: "shop", id: "s" });
  // Its child begins with mail of its own.
  if (isDeep) await eventually("it is asked for", () => begin(db, ours));
  const { id, type, attempt, version, partition } = await only(db);
  {
    await using program = await open(db, [theirs]);
    // It says that there is nothing for it, so nobody drives it in vain.
    const { ran, more, nextWakeAt } = await program.drive({ budgetMs: 20_000 });
    assertEquals([ran, more, nextWakeAt], [0, false, null]);
    program.work();
    const reason = await eventually("it is alive", async () => {
      const [reason] = await mine.jobs.explain(null, id);
      return reason?.code === "no_worker" ? null : reason;
    });
    assertEquals(reason.code, "no_capable_worker");
    const knows = (await db.store.workers.list()).some(({ types }) => types.includes(type));
    if (knows) assert(reason.message.includes(`"${partition}"`), reason.message);
    const [actor] = await mine.actors.explain(null, isDeep ? "s/charge" : "s");
    assert(actor?.message.includes("no_capable_worker"), actor?.message);
  }
  const still = await only(db);
  assertEquals([still.id, still.attempt, still.version], [id, attempt, version]);
  await mine.drive({ budgetMs: 20_000 });
  assertEquals((await mine.actors.get(null, "s")).state, "paid");
  assertEquals(done, ["charge by us", "charge by us", "note by us"]);
}

Deno.test("who has another chart under the same version leaves the work to who has the right one", async () => {
  for (const isDeep of [false, true]) await leavesIt(shop("1", "them", { extra: true }), isDeep);
});

Deno.test("who has another version leaves the work to who has the right one", async () => {
  for (const isDeep of [false, true]) await leavesIt(shop("2", "them"), isDeep);
});

Deno.test("who has no such source leaves the work to who has it", async () => {
  for (const isDeep of [false, true]) await leavesIt(shop("1", "them", { src: "pay" }), isDeep);
});

/** The first turn of a child, by a program that runs no jobs. */
async function begin(db: TestDatabase, machine: MachineDefinition): Promise<boolean> {
  await using program = await open(db, [machine]);
  await program.drive({ budgetMs: 20_000, types: ["none"] });
  return (await db.sql`select from perdura.job`).length > 0;
}

Deno.test("work that follows in the same process is pinned too, and so are notes", async () => {
  await using db = await testDatabase();
  const ours = shop("1", "us");
  await using mine = await open(db, [ours]);
  mine.work();
  await mine.actors.start({ machine: "shop", id: "s" });
  await mine.actors.wait(null, "s", "done", { timeoutMs: 60_000 });
  const partitions = await eventually("all are over", async () => {
    const rows = await db.sql`select partition_key as p from perdura.job_archive`;
    return rows.length === 3 && rows.map(({ p }) => p);
  });
  assertEquals(new Set(partitions), new Set([`shop@1:${ours.hash}`]));
});

/** Who takes over the actors of some versions does what one of version 1 has asked for; gives where that is then. */
async function takenOver(taker: { adopts: true } | { migrations: Migration[] }) {
  await using db = await testDatabase();
  await using mine = await open(db, [shop("1", "us")]);
  await mine.actors.start({ machine: "shop", id: "s" });
  const { partition, type } = await only(db);
  await using program = await open(db, [{ definition: shop("2", "them"), ...taker }]);
  await program.drive({ budgetMs: 20_000 });
  const { charts } = new Machines([{ definition: shop("2", "them"), ...taker }]);
  const { state, machineVersion } = await program.actors.get(null, "s");
  return [state, machineVersion, mayRun(charts, { type, partitionKey: partition }), done.length];
}

Deno.test("who takes actors over does the work that they have asked for", async () => {
  const migrate = <T>(draft: T) => draft;
  const from = (...versions: string[]) => ({
    migrations: versions.map((from) => ({ from, to: "2", migrate })),
  });
  assertEquals(await takenOver({ adopts: true }), ["paid", "2", true, 3]);
  assertEquals(await takenOver(from("0", "1")), ["paid", "2", true, 3]);
  assertEquals(await takenOver(from("0")), ["paying", "1", false, 0]);
});

Deno.test("a rewind to before a migration has its work done by the version of then", async () => {
  await using db = await testDatabase();
  const first = shop("1", "us");
  const migrate = <T>(draft: T) => draft;
  const second = { definition: shop("2", "them"), migrations: [{ from: "1", to: "2", migrate }] };
  {
    await using mine = await open(db, [first]);
    await mine.actors.start({ machine: "shop", id: "s" });
  }
  {
    await using theirs = await open(db, [second]);
    await theirs.drive({ budgetMs: 20_000 });
    assertEquals((await theirs.actors.get(null, "s")).machineVersion, "2");
  }
  await using both = await open(db, [first, second]);
  await both.actors.rewind("s", { at: 1 });
  assertEquals((await only(db)).partition, `shop@1:${first.hash}`);
  await both.drive({ budgetMs: 20_000 });
  assertEquals([done[0], (await both.actors.get(null, "s")).state], ["charge by us", "paid"]);
});

Deno.test("who takes actors over leaves the work of another chart under a version that it has", async () => {
  await using db = await testDatabase();
  await using mine = await open(db, [shop("1", "us")]);
  await mine.actors.start({ machine: "shop", id: "s" });
  const { id } = await only(db);
  const both = [shop("1", "them", { extra: true }), {
    definition: shop("2", "them"),
    adopts: true,
  }];
  await using program = await open(db, both);
  await program.drive({ budgetMs: 20_000 });
  assertEquals([(await only(db)).id, done], [id, []]);
});

Deno.test("suspects of another chart do not hide those that may run here", async () => {
  await using db = await testDatabase();
  await using mine = await open(db, [shop("1", "us")]);
  for (let n = 0; n < 20; n++) await mine.actors.start({ machine: "shop", id: `s${n}` });
  await using program = await open(db, [shop("2", "them")]);
  await program.actors.start({ machine: "shop", id: "t" });
  await db.sql`update perdura.job set crashes = max_crashes - 1`;
  program.work();
  await program.actors.wait(null, "t", "done", { timeoutMs: 60_000 });
  const left = await db
    .sql`select from perdura.job where attempt = 0 and partition_key like 'shop@1:%'`;
  assertEquals(left.length, 20);
});

/** As it was stored before charts were told. */
async function asBefore(db: TestDatabase): Promise<string> {
  const { id, type } = await only(db);
  const lane = laneKey({ queue: "default", type, partitionKey: null });
  await db.sql`
    update perdura.job set partition_key = null, lane = ${lane},
           payload = (payload::jsonb - 'hash')::json`;
  return id;
}

Deno.test("a job from before runs with its version; who has none hands it back, and says so", async () => {
  await using db = await testDatabase();
  await using mine = await open(db, [shop("1", "us")]);
  await mine.actors.start({ machine: "shop", id: "s" });
  const id = await asBefore(db);
  {
    await using program = await open(db, [shop("2", "them")]);
    await program.drive({ budgetMs: 20_000 });
  }
  const { state, attempt, lastError } = await mine.jobs.get(null, id);
  assertEquals([state, attempt, lastError, done], ["scheduled", 0, null, []]);
  const [log] = await db.sql`select message as text from perdura.job_log`;
  assert(log?.text.includes('version "1", is not in this program'), log?.text);
  const past = await db.sql`select cause from perdura.transition where cause is not null`;
  assertEquals(past.map(({ cause }) => cause), ["chart_not_here"]);
  await db.sql`update perdura.job set run_at = now()`;
  await mine.drive({ budgetMs: 20_000 });
  assertEquals((await mine.actors.get(null, "s")).state, "paid");
});

Deno.test("a partition that only begins like a chart is anybody's", () => {
  const machines = new Machines([shop("1", "us")]);
  assertEquals(machines.versionsOf("shop").in("shop@eu"), null);
  assert(mayRun(machines.charts, { type: "shop/charge", partitionKey: "shop@eu" }));
  assertEquals(machines.versionsOf("shop").in(`shop@2:${"0".repeat(16)}`), undefined);
});

Deno.test("a worker's charts tell whether it may run what an actor asks for", () => {
  const job = { type: "shop/kid/charge", partitionKey: "shop/kid@1:00000000000000aa" };
  const may = (...charts: string[]) => mayRun(charts, job);
  assertEquals(mayRun(null, job), true);
  assertEquals(may(job.partitionKey), true);
  assertEquals([may(), may("shop/kid@1:00000000000000bb"), may("shop/kid@2:00000000000000aa")], [
    ...[false, false, false],
  ]);
  assertEquals(may("shop/kid@2:00000000000000bb", "shop/kid@*"), true);
  assertEquals(may("shop/kid@1:00000000000000bb", "shop/kid@*"), false);
  // No chart of its machine: an operator's own partition, or none.
  for (const partitionKey of [null, "eu"]) assertEquals(mayRun([], { ...job, partitionKey }), true);
});
