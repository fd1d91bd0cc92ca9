/** What may be limited, held and drained: a queue, a type, a tenant and a limit key, each in the same ways. */
import { assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { RateLimitedError } from "../../src/core/errors.ts";
import { type GateName, type Limits, NO_LIMITS } from "../../src/core/gate.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { held } from "../support/held.ts";
import { testWorker } from "../support/worker.ts";

const GATES: readonly GateName[] = [
  { kind: "queue", tenantId: "default", name: "mail" },
  { kind: "type", tenantId: null, name: "held" },
  { kind: "tenant", tenantId: "default", name: "" },
  { kind: "key", tenantId: "default", name: "partner" },
];
const JOB = { type: "held", queue: "mail", limitKey: "partner" };
/** Passes none of the gates but that of its tenant. */
const OTHER = { type: "other" };

const other = defineHandler({ type: "other", input: z.unknown(), handle: () => null });

async function ended(db: TestDatabase, type = "held"): Promise<number> {
  const [row] = await db.sql`
    select count(*)::int as n from perdura.job_archive where type = ${type}`;
  return row?.n;
}

function limit(db: TestDatabase, gate: GateName, limits: Partial<Limits>): Promise<unknown> {
  return db.store.gates.setLimits(gate, { ...NO_LIMITS, ...limits });
}

for (const gate of GATES) {
  Deno.test(`no more run at once than a ${gate.kind} has slots`, async () => {
    await using db = await testDatabase();
    await limit(db, gate, { concurrency: 2 });
    const { handler, letGo, running, most } = held();
    await using w = testWorker(db, [handler, other]);
    for (let n = 0; n < 8; n++) await w.jobs.enqueue(JOB);
    while (await ended(db) < 8) {
      await eventually("some run, or all is done", async () => {
        return running() > 0 || await ended(db) === 8;
      });
      letGo();
    }
    assertEquals(most(), 2);
    assertEquals((await db.sql`select from perdura.slot`).length, 0);
  });

  Deno.test(`a ${gate.kind} with a rate starts no more than that, and spends no attempt`, async () => {
    await using db = await testDatabase();
    await limit(db, gate, { ratePerMinute: 1, burst: 2 });
    const { handler, running } = held();
    await using w = testWorker(db, [handler, other]);
    for (let n = 0; n < 5; n++) await w.jobs.enqueue(JOB);
    await eventually("two run", () => Promise.resolve(running() === 2));
    if (gate.kind !== "tenant") {
      for (let n = 0; n < 3; n++) await w.run("other", {});
    }
    assertEquals(running(), 2);
    const waiting = await db.sql`select attempt from perdura.job where lease_id is null`;
    assertEquals(waiting.map(({ attempt }) => attempt), [0, 0, 0]);
  });

  Deno.test(`a ${gate.kind} that is paused starts nothing; drained, it takes nothing new`, async () => {
    await using db = await testDatabase();
    const { handler, letGo, running } = held();
    await using w = testWorker(db, [handler, other]);
    await w.jobs.enqueue(JOB);
    await eventually("one runs", () => Promise.resolve(running() === 1));
    await db.store.gates.setPause(gate, true, false);
    await w.jobs.enqueue(JOB);
    letGo();
    await eventually("what ran has ended", async () => await ended(db) === 1);
    if (gate.kind !== "tenant") { for (let n = 0; n < 3; n++) await w.run("other", {}); }
    assertEquals(running(), 0);
    await db.store.gates.setPause(gate, false, true);
    await assertRejects(() => w.jobs.enqueue(JOB), RateLimitedError);
    if (gate.kind !== "tenant") await w.jobs.enqueue(OTHER);
    await eventually("what waited runs", () => Promise.resolve(running() === 1));
    letGo();
    await db.store.gates.setPause(gate, false, false);
    await w.jobs.enqueue(JOB);
    await eventually("it goes on", () => Promise.resolve(running() === 1));
    letGo();
  });
}
