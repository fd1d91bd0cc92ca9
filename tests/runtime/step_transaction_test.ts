/** Steps that write: the writes and the stored result are one commit. */
import { assertEquals } from "@std/assert";
import { z } from "zod";
import type { HandlerContext } from "../../src/runtime/context.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

function handler(handle: (context: HandlerContext) => unknown) {
  return defineHandler({
    type: "steps",
    input: z.unknown(),
    handle: (_, context) => handle(context),
  });
}

/** Notes a name; gives how many notes there are. */
function note({ stepTransaction, job }: HandlerContext, name: string) {
  return stepTransaction(name, async (sql) => {
    await sql`insert into note (name, attempt) values (${name}, ${job.attempt})`;
    const [row] = await sql`select count(*)::int as n from note`;
    return Number(row?.n);
  });
}

async function notes(db: TestDatabase) {
  const rows = await db.sql`select name, attempt from note order by name, attempt`;
  return rows.map(({ name, attempt }) => `${name} in ${attempt}`);
}

async function noteDatabase() {
  const db = await testDatabase();
  await db.sql`create table note (name text, attempt integer)`;
  return db;
}

Deno.test("each step writes once, in whichever attempt it was; its result is kept", async () => {
  await using db = await noteDatabase();
  const steps = handler(async (context) => {
    const counts = [await note(context, "a"), await note(context, "b")];
    if (context.job.attempt === 1) throw new Error("again");
    return [...counts, await note(context, "c"), await note(context, "a")];
  });
  await using w = testWorker(db, [steps]);
  assertEquals((await w.run("steps", {})).output, [1, 2, 3, 1]);
  assertEquals(await notes(db), ["a in 1", "b in 1", "c in 2"]);
});

Deno.test("a step that throws leaves nothing, and may be tried again", async () => {
  await using db = await noteDatabase();
  let tries = 0;
  const steps = handler(async (context) => {
    const flaky = () =>
      context.stepTransaction("flaky", async (sql) => {
        await sql`insert into note (name, attempt) values ('flaky', ${++tries})`;
        if (tries === 1) throw new Error("first");
        return tries;
      });
    await flaky().catch(() => {});
    return await flaky();
  });
  await using w = testWorker(db, [steps]);
  assertEquals((await w.run("steps", {})).output, 2);
  assertEquals(await notes(db), ["flaky in 2"]);
});

Deno.test("after a lost lease a step writes nothing", async () => {
  await using db = await noteDatabase();
  let runs = 0;
  const steps = handler((context) =>
    context.stepTransaction("late", async (sql) => {
      await sql`insert into note (name, attempt) values ('late', ${runs + 1})`;
      // As if another worker had taken the job over meanwhile.
      if (++runs === 1) await db.sql`update perdura.job set version = version + 1`;
      return null;
    })
  );
  await using w = testWorker(db, [steps], { sweepMs: 100 });
  const { id } = await w.jobs.enqueue({ type: "steps" });
  await eventually("its end is refused", () => Promise.resolve(w.worker.stats.fenced === 1));
  await db.sql`update perdura.lease set expires_at = now() - interval '1 second'`;
  assertEquals((await w.reach(id, "succeeded", "dead_letter")).state, "succeeded");
  assertEquals(await notes(db), ["late in 2"]);
});

Deno.test("work whose commit was not heard of is not done twice", async () => {
  await using db = await noteDatabase();
  const steps = handler(async (context) => {
    // As an answer lost on its way leaves it: stored, and not known here.
    if (context.job.attempt === 1) {
      await db.sql`
        insert into perdura.step (tenant_id, job_id, name, attempt, value)
        values (${context.job.tenantId}, ${context.job.id}, 'paid', 1, '"stored"')`;
    }
    return await context.stepTransaction("paid", async (sql) => {
      await sql`insert into note (name, attempt) values ('paid', ${context.job.attempt})`;
      return "done again";
    });
  });
  await using w = testWorker(db, [steps]);
  const job = await w.run("steps", {});
  assertEquals([job.output, job.attempt], ["stored", 2]);
  assertEquals(await notes(db), []);
});
