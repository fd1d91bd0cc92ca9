/** What a worker asks about does not walk over what has ended. */
import { assert, assertEquals } from "@std/assert";
import * as statements from "../../sql/mod.ts";
import { newId } from "../../src/core/id.ts";
import { Database } from "../../src/store/database.ts";
import { buildJob, changeFor, claimAll } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const ENDED = 4_000;
const BATCH = 1_000;

/** Jobs that have ended, before one that waits; their index entries are there, since a snapshot may see them. */
async function withDeadHead(run: (db: TestDatabase) => Promise<void>): Promise<void> {
  await using db = await testDatabase();
  await db.sql`alter table perdura.job set (autovacuum_enabled = off)`;
  const witness = await db.sql.reserve();
  try {
    for (let n = 0; n < ENDED; n += BATCH) {
      await db.store.insert(Array.from({ length: BATCH }, () => buildJob()));
    }
    await witness`begin isolation level repeatable read`;
    await witness`select 1 from perdura.tenant`;
    for (let n = 0; n < ENDED; n += BATCH) {
      const jobs = await claimAll(db.store, BATCH);
      await db.store.commit(newId(), jobs.map((job) => changeFor(job, { type: "SUCCEED" })));
    }
    await db.store.insert([buildJob()]);
    await run(db);
  } finally {
    await witness`rollback`;
    witness.release();
  }
}

/** Pages that a statement has looked at. */
async function pagesOf({ sql }: TestDatabase, text: string): Promise<number> {
  return await sql.begin(async (tx) => {
    await tx`set local enable_seqscan = off`;
    const [row] = await tx.unsafe(`explain (analyze, buffers, format json) ${text}`);
    const plan = row?.["QUERY PLAN"][0].Plan;
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
  });
}

Deno.test("a look for work and for lanes passes over no job that has ended", async () => {
  await withDeadHead(async (db) => {
    for (
      const [name, text] of [["glance", statements.glance], ["lanes", statements.lanes]] as const
    ) {
      const pages = await pagesOf(db, text);
      assert(pages < 100, `${name} looked at ${pages} pages`);
    }
    assertEquals((await db.store.glance()).jobs, true);
    assertEquals((await db.store.lanes()).length, 1);
  });
});

Deno.test("a statement without parameters is prepared as well", async () => {
  await using test = await testDatabase();
  const db = new Database({ url: test.url, connections: 1 });
  await db.query(statements.glance);
  const prepared = await db.query("select statement from pg_prepared_statements", []);
  assert(prepared.some(({ statement }) => statement === statements.glance));
  await db.close();
});
