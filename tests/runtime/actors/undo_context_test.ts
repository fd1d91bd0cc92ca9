/** What undoes several things in one job: each has steps, a transaction and a key of its own. */
import { assertEquals } from "@std/assert";
import { assign, fromPromise, setup } from "xstate";
import { activityContext, createRuntime, defineMachine, giveUp, snooze } from "perdura";
import { isTerminal } from "../../../src/core/lifecycle.ts";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";

type How = "step" | "stepTransaction" | "transaction";

/** Beside the transaction: what was undone, each time, with its key; and where it breaks off, once. */
let calls: [what: string, key: string][] = [];
let breaksOff: string | null = null;

const book = fromPromise<string, string>(({ input }) => Promise.resolve(input));

function undoing(how: How) {
  return fromPromise<string, { output: string }>(async ({ input: { output }, self }) => {
    const { idempotencyKey, step, stepTransaction, transaction } = activityContext(self);
    calls.push([output, idempotencyKey]);
    const result = how === "step"
      ? await step("undo", () => output)
      : await (how === "transaction" ? transaction : stepNamed(stepTransaction))(async (sql) => {
        await sql`insert into undone (what) values (${output})`;
        return output;
      });
    if (breaksOff !== output) return result;
    breaksOff = null;
    throw new Error("Broke off after the transaction");
  });
}

type Context = ReturnType<typeof activityContext>;

function stepNamed(stepTransaction: Context["stepTransaction"]) {
  return (write: Parameters<typeof stepTransaction<string>>[1]) => stepTransaction("undo", write);
}

/** Three bookings by one activity, all undone by one other. */
function tripOf(how: How) {
  const machine = setup({ actors: { book, undo: undoing(how) } }).createMachine({
    id: "trip",
    initial: "hotel",
    states: {
      hotel: { invoke: { id: "hotel", src: "book", input: "hotel", onDone: "flight" } },
      flight: { invoke: { id: "flight", src: "book", input: "flight", onDone: "car" } },
      car: { invoke: { id: "car", src: "book", input: "car", onDone: "ready" } },
      ready: {},
    },
  });
  return defineMachine(machine, { version: "1", actors: { book: { compensate: "undo" } } });
}

for (const how of ["step", "stepTransaction", "transaction"] as const) {
  Deno.test(`each of three is undone once, by a ${how}, though the job breaks off in the middle`, async () => {
    await using db = await testDatabase();
    await db.sql`create table undone (n integer generated always as identity, what text)`;
    await db.sql`grant insert on undone to public`;
    await using runtime = await createRuntime({
      databaseUrl: db.url,
      machines: [tripOf(how)],
      pollMs: 50,
      backoff: { baseMs: 1, factor: 1, capMs: 1 },
    });
    calls = [];
    breaksOff = "flight";
    runtime.work();
    await runtime.actors.start({ machine: "trip", id: "t" });
    await runtime.actors.wait(null, "t", { state: "ready" });
    await runtime.actors.cancel("t", "rain");
    const job = await eventually("its end", async () => {
      const [row] = await db.sql`
        select id, attempt from perdura.job_archive where type = 'trip:compensation'`;
      return row;
    });
    const written = await db.sql`select what from undone order by n`;
    const all = ["car", "flight", "hotel"];
    assertEquals(job.attempt, 2);
    assertEquals(calls.map(([what]) => what), ["car", "flight", "flight", "hotel"]);
    assertEquals(written.map(({ what }) => what), how === "step" ? [] : all);
    const keys = new Map(calls);
    assertEquals(new Set(keys.values()).size, 3);
    assertEquals(calls[1], calls[2]);
    assertEquals([...keys.values()].map((key) => key.split(":")[0]), all.map(() => job.id));
  });
}

/** How an undoing ends the first time. */
let firstEnd: unknown = null;

Deno.test("what undoes may be put off, and given up for good: then nothing is kept of it", async () => {
  const refund = fromPromise<unknown>(() => {
    const end = firstEnd;
    firstEnd = "refunded";
    return Promise.resolve(end);
  });
  const shop = setup({ actors: { book, refund } }).createMachine({
    id: "shop",
    initial: "paying",
    states: { paying: { invoke: { src: "book", input: "order", onDone: "paid" } }, paid: {} },
  });
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [defineMachine(shop, { version: "1", actors: { book: { compensate: "refund" } } })],
    pollMs: 50,
  });
  runtime.work();
  const endAfter = async (id: string, end: unknown) => {
    firstEnd = end;
    await runtime.actors.start({ machine: "shop", id });
    await runtime.actors.wait(null, id, { state: "paid" });
    await runtime.actors.cancel(id, "rain");
    return await eventually("its end", async () => {
      const choice = { tenantId: "default", type: "shop:compensation" };
      const [job] = await runtime.jobs.list(choice, null, 1);
      return job && Object(job.payload).actor === id && isTerminal(job.state) && job;
    });
  };
  const late = await endAfter("snoozed", snooze(1));
  assertEquals([late.state, late.lastError], ["succeeded", null]);
  const { state, attempt, lastError } = await endAfter("given", giveUp("404: gone"));
  assertEquals([state, attempt, lastError?.message], ["dead_letter", 1, "404: gone"]);
});

/** Of what an activity may give besides its output. */
Deno.test("an activity is put off and given up as any job, and its transaction gives what it returns", async () => {
  let runs = 0;
  const lookup = fromPromise<unknown, unknown>(({ input }) => {
    if (input === "gone") return Promise.resolve(giveUp("404: gone"));
    return Promise.resolve(++runs === 1 ? snooze(1) : "found");
  });
  const price = fromPromise<Map<string, Date>>(({ self }) =>
    activityContext(self).transaction(async (sql) => {
      await sql`select 1`;
      return new Map([["since", new Date(0)]]);
    })
  );
  const machine = setup({
    types: {} as { context: { input: string; since: unknown; error: unknown }; input: string },
    actors: { lookup, price },
  }).createMachine({
    id: "look",
    context: ({ input }) => ({ input, since: null, error: null }),
    initial: "looking",
    states: {
      looking: {
        invoke: {
          src: "lookup",
          input: ({ context }: { context: { input: string } }) => context.input,
          onDone: "pricing",
          onError: {
            target: "failed",
            actions: assign({ error: ({ event }) => Object(event.error).message }),
          },
        },
      },
      pricing: {
        invoke: {
          src: "price",
          onDone: {
            target: "priced",
            actions: assign({ since: ({ event }) => event.output.get("since")?.getTime() ?? null }),
          },
        },
      },
      priced: { type: "final" },
      failed: { type: "final" },
    },
  });
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [defineMachine(machine, { version: "1" })],
    pollMs: 50,
  });
  runtime.work();
  await runtime.actors.start({ machine: "look", id: "put-off", input: "later" });
  const found = await runtime.actors.wait(null, "put-off", "done");
  assertEquals(found?.context, { input: "later", since: 0, error: null });
  await runtime.actors.start({ machine: "look", id: "gone", input: "gone" });
  const gone = await runtime.actors.wait(null, "gone", "done");
  assertEquals(gone?.context, { input: "gone", since: null, error: "404: gone" });
  const all = await runtime.jobs.list({ tenantId: "default", type: "look/lookup" }, null, 10);
  assertEquals([runs, ...all.map(({ state, attempt }) => [state, attempt])], [
    2,
    ["dead_letter", 1],
    ["succeeded", 1],
  ]);
});
