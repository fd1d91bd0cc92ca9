/** Jobs that are changed between the snapshot of a claim and its locks: not claimed, and not counted. */
import { assert, assertEquals } from "@std/assert";
import { createRuntime } from "perdura";
import { NO_LIMITS } from "../../src/core/gate.ts";
import { newId } from "../../src/core/id.ts";
import { claimStatement } from "../../src/store/claiming.ts";
import type { Statement } from "../../src/store/database.ts";
import { limitedStatement } from "../../src/store/gates.ts";
import { buildJob, fromHead } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { untilBlocked } from "../support/locks.ts";

/** Where a statement has its snapshot, and no lock: there it waits for one of the test's. */
const HELD = {
  plain: [
    "from unhurried, unnest(",
    "from unhurried, (select pg_advisory_xact_lock(7)) held, unnest(",
  ],
  limited: ["$22::boolean[] as o)", "$22::boolean[] as o from pg_advisory_xact_lock(7))"],
} as const;

/** Two lanes, so that the claim is the one of many levels; the job of the first is edited as it is picked. */
async function claimWhileEdited(db: TestDatabase, kind: keyof typeof HELD): Promise<void> {
  const [edited, other] = [buildJob(), buildJob({ type: "debug.sleep" })];
  await db.store.insert([edited, other]);
  const lanes = (await db.store.lanes()).map((lane) => fromHead(lane, 10));
  const about = { leaseId: newId(), worker: newId(), leaseMs: 30_000, limit: 10, lanes };
  const { text, parameters }: Statement = kind === "plain"
    ? claimStatement({ ...about, alone: false })
    : limitedStatement({ ...about, alone: false, tenantRate: null, only: null });
  const [from, to] = HELD[kind];
  assert(text.includes(from), `the statement has no "${from}"`);
  const holder = await db.sql.reserve();
  await holder`select pg_advisory_lock(7)`;
  const claim = db.sql.unsafe(text.replace(from, to), [...parameters]);
  const claimed = claim.execute();
  await untilBlocked(db.sql);
  await using runtime = await createRuntime({ databaseUrl: db.url });
  await runtime.jobs.edit(edited.id, { tags: ["late"] }, { tenantId: null, ifVersion: null });
  await holder`select pg_advisory_unlock(7)`;
  holder.release();
  await claimed;
}

async function states(db: TestDatabase): Promise<unknown> {
  const counts = await db.store.counts("default");
  return counts.filter(({ count }) => count !== 0).map(({ state, count }) => [state, count]);
}

Deno.test("a plain claim counts what it has claimed", async () => {
  await using db = await testDatabase();
  await claimWhileEdited(db, "plain");
  assertEquals(await states(db), [["scheduled", 1], ["running", 1]]);
});

Deno.test("a claim past gates counts and charges what it has claimed", async () => {
  await using db = await testDatabase();
  const gate = { tenantId: "default", kind: "queue", name: "default" } as const;
  await db.store.gates.setLimits(gate, { ...NO_LIMITS, concurrency: 2 });
  await db
    .sql`update perdura.gate set settles_at = case when settles_at is not null then now() end`;
  await db.store.gates.settle();
  await claimWhileEdited(db, "limited");
  assertEquals(await states(db), [["scheduled", 1], ["running", 1]]);
  const [slots] = await db.sql`select sum(n)::int as n from perdura.slot`;
  assertEquals(slots?.n, 1);
});
