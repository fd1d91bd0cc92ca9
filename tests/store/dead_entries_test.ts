/** What a worker asks about does not walk over what has ended. */
import { assert, assertEquals } from "@std/assert";
import * as statements from "../../sql/mod.ts";
import { newId } from "../../src/core/id.ts";
import { commitStatement } from "../../src/store/changes.ts";
import { claimStatement } from "../../src/store/claiming.ts";
import { Database, type Statement } from "../../src/store/database.ts";
import { buildJob, changeFor, claimAll, laneOf } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const ENDED = 4_000;
const BATCH = 1_000;
/** Mail. */
const READ = 20_000;

/**
 * Jobs that have ended, before one that waits; their index entries are there, since a snapshot may see them.
 *
 * @param batch How many were claimed at a time.
 */
async function withDeadHead(
  batch: number,
  run: (db: TestDatabase) => Promise<void>,
): Promise<void> {
  await using db = await testDatabase();
  await db.sql`alter table perdura.job set (autovacuum_enabled = off)`;
  await db.sql`alter table perdura.lease set (autovacuum_enabled = off)`;
  const witness = await db.sql.reserve();
  try {
    for (let n = 0; n < ENDED; n += BATCH) {
      await db.store.insert(Array.from({ length: BATCH }, () => buildJob()));
    }
    await witness`begin isolation level repeatable read`;
    await witness`select 1 from perdura.tenant`;
    for (let n = 0; n < ENDED; n += batch) {
      const jobs = await claimAll(db.store, batch);
      await db.store.commit(newId(), jobs.map((job) => changeFor(job, { type: "SUCCEED" })));
    }
    await db.store.insert([buildJob()]);
    await run(db);
  } finally {
    await witness`rollback`;
    witness.release();
  }
}

/** Pages that a statement has looked at, and rows that it gave; it is undone. */
async function costOf(
  { sql }: TestDatabase,
  { text, parameters = [] }: Pick<Statement, "text"> & Partial<Statement>,
  kind = "custom",
): Promise<{ pages: number; rows: number }> {
  let cost = { pages: NaN, rows: NaN };
  const undo = new Error("undo");
  await sql.begin(async (tx) => {
    await tx`set local enable_seqscan = off`;
    await tx.unsafe(`set local plan_cache_mode = force_${kind}_plan`);
    await tx.unsafe(`prepare examined as ${text}`);
    const given = parameters.length > 0 ? `(${parameters.map(literal).join(", ")})` : "";
    const explained = `explain (analyze, buffers, format json) execute examined${given}`;
    // The first one reads what there is to know of tables and functions as well.
    await tx.savepoint(async (first) => {
      await first.unsafe(explained);
      throw undo;
    }).catch((error) => {
      if (error !== undo) throw error;
    });
    const [row] = await tx.unsafe(explained);
    await tx`deallocate examined`;
    const plan = row?.["QUERY PLAN"][0].Plan;
    cost = {
      pages: plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
      rows: plan["Actual Rows"],
    };
    throw undo;
  }).catch((error) => {
    if (error !== undo) throw error;
  });
  return cost;
}

/** A parameter as SQL writes it. */
function literal(value: unknown): string {
  return value === null ? "null" : `'${String(value).replaceAll("'", "''")}'`;
}

Deno.test("a look for work and for lanes passes over no job that has ended", async () => {
  await withDeadHead(BATCH, async (db) => {
    const glance = statements.glance.replace(/\$[12]/g, "null");
    for (const [name, text] of Object.entries({ glance, lanes: statements.lanes })) {
      const { pages } = await costOf(db, { text });
      assert(pages < 100, `${name} looked at ${pages} pages`);
    }
    assertEquals((await db.store.glance()).jobs, true);
    assertEquals((await db.store.lanes()).length, 1);
  });
});

Deno.test("where vacuum has counted nothing, a claim and an end pass over what has ended", async () => {
  await withDeadHead(20, async (db) => {
    const newest = await db.sql`select run_at::text as at, id from perdura.job`;
    // Nothing of what it sees is alive, and nothing of it may go.
    await db.sql`delete from perdura.job`;
    await db.sql`vacuum (analyze) perdura.job, perdura.lease`;
    const jobs = [buildJob(), buildJob()];
    await db.store.insert(jobs);
    const from = { runAt: newest[0]?.at, id: newest[0]?.id };
    const request = {
      ...{ leaseId: newId(), worker: newId(), leaseMs: 30_000, limit: 10, alone: false },
      lanes: [{ quantum: 10, levels: [{ lane: laneOf(jobs[0]!), from }] }],
    };
    const lone = { ...request, lanes: request.lanes.map((each) => ({ ...each, isLone: true })) };
    for (const kind of ["custom", "generic"]) {
      for (const asked of [request, lone]) {
        const { pages } = await costOf(db, claimStatement(asked), kind);
        assert(pages < 100, `a claim looked at ${pages} pages, ${kind}`);
      }
    }
    const claimed = await db.store.claim(request);
    assertEquals(claimed.length, 2);
    const options = { worker: request.worker, expiredOnly: false };
    const ends = [
      { type: "SUCCEED", hasMoved: false, most: 20 },
      { type: "SUCCEED", hasMoved: true, most: 150 },
      { type: "INTERRUPTED", hasMoved: true, most: 150 },
    ] as const;
    for (const kind of ["custom", "generic"]) {
      for (const { type, hasMoved, most } of ends) {
        const changes = claimed.map((job) => changeFor(job, { type }));
        const { pages, rows } = await costOf(
          db,
          commitStatement(options, changes, hasMoved),
          kind,
        );
        assert(pages < most, `an end looked at ${pages} pages, ${kind} ${type} ${hasMoved}`);
        assertEquals(rows, 0, "it has found them all");
      }
    }
  });
});

Deno.test("a look at mail passes over what was read, and says how far it has come", async () => {
  await using db = await testDatabase();
  await db.sql`alter table perdura.mailbox set (autovacuum_enabled = off)`;
  const addMail = (count: number, age: string) =>
    db.sql`
      insert into perdura.mailbox (tenant_id, actor_id, id, kind, body, due_at)
      select 'default', 'a' || n, gen_random_uuid(), 'event', '{"event":{"type":"GO"}}',
             now() - ${age}::interval from generate_series(1, ${count}::integer) n`;
  await addMail(READ, "1 hour");
  const witness = await db.sql.reserve();
  try {
    await witness`begin isolation level repeatable read`;
    await witness`select 1 from perdura.tenant`;
    await db.sql`delete from perdura.mailbox`;
    await db.sql`
      insert into perdura.actor (tenant_id, id, uid, root_id, machine, root_machine, machine_version,
                                 machine_hash, status, state, tags, version)
      values ('default', 'a1', gen_random_uuid(), 'a1', 'list', 'list', '1', 'x', 'active', '', '{}', 0)`;
    await addMail(1, "1 minute");
    await addMail(1, "2 seconds");
    const look = (from: number | null) => ({
      text: statements.actorClaim,
      parameters: [newId(), newId(), 1_000, "{list}", 100, 10, 1_000, "{}", from],
    });
    const next = (from: number | null) => ({
      text: statements.actorNext,
      parameters: ["{list}", 1_000, "{}", from],
    });
    const recently = Date.now() / 1_000 - 30;
    for (const kind of ["custom", "generic"]) {
      for (const ask of [look, next]) {
        const { pages: walked } = await costOf(db, ask(null), kind);
        assert(walked > 200, `there is nothing to pass over: ${walked} pages`);
        const { pages } = await costOf(db, ask(recently), kind);
        assert(pages < 30, `a look at mail looked at ${pages} pages, ${kind}`);
      }
    }
    const request = {
      ...{ turnId: newId(), worker: newId(), spareMs: 1_000, machines: ["list"], charts: [] },
      ...{ actors: 100, mailPerActor: 10, look: 1_000 },
    };
    const claim = (from: number | null) => db.store.actors.claim({ ...request, from });
    const isOldest = async (from: number | null, seconds: number) => {
      const age = Date.now() / 1_000 - (await claim(from)).oldest;
      assert(Math.abs(age - seconds) < 20, `the oldest seen is ${age} seconds old`);
    };
    await isOldest(null, 60);
    await isOldest(recently, 2);
    assertEquals((await claim(recently)).looked, 1);
    await db.sql`delete from perdura.mailbox`;
    await isOldest(null, 0);
  } finally {
    await witness`rollback`;
    witness.release();
  }
});

Deno.test("a statement without parameters is prepared as well", async () => {
  await using test = await testDatabase();
  const db = new Database({ url: test.url, connections: 1 });
  await db.query(statements.lanes);
  const prepared = await db.query("select statement from pg_prepared_statements", []);
  assert(prepared.some(({ statement }) => statement === statements.lanes));
  await db.close();
});
