/** A database whose operators have set defaults of their own: our sessions say what they rely on. */
import { assertEquals } from "@std/assert";
import { newId } from "../../src/core/id.ts";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { buildJob, changeFor, claimed } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const WORKER = newId();
const BY = { worker: WORKER, tenantId: "default" };

/** A store whose sessions have begun since this was set on the database. */
async function withDefault(
  name: string,
  value: string,
  run: (db: TestDatabase, store: Store) => Promise<void>,
) {
  await using db = await testDatabase();
  const { pathname } = new URL(db.url);
  await db.sql.unsafe(`alter database ${pathname.slice(1)} set ${name} = '${value}'`);
  const store = openStore({ url: db.url });
  try {
    await run(db, store);
  } finally {
    await store.close();
  }
}

Deno.test("times are read as they were written, however the database shows dates", async () => {
  await withDefault("datestyle", "German, DMY", async (_db, store) => {
    const job = buildJob({ runAt: "2031-02-03T04:05:06.789Z" });
    assertEquals((await store.insert([job]))[0]?.created, true);
    const stored = await store.get(null, job.id);
    assertEquals(stored?.runAt, "2031-02-03T04:05:06.789Z");
    const [one] = await claimed(store, buildJob());
    const seen = await store.transaction(
      BY,
      async (sql) => (await sql`select '2031-02-03T04:05:06Z'::timestamptz as at`)[0]?.at,
      () => changeFor(one!, { type: "SUCCEED" }),
    );
    assertEquals(seen, new Date("2031-02-03T04:05:06Z"));
  });
});

Deno.test("files are read as they were written, however the database shows bytes", async () => {
  await withDefault("bytea_output", "escape", async (_db, store) => {
    const file = { tenantId: "default", id: newId(), name: "a", mediaType: "text/plain" };
    const bytes = Uint8Array.from({ length: 100_000 }, (_, n) => n * 7 % 256);
    await store.files.begin(file);
    await store.files.addPiece(file, 0, bytes);
    assertEquals(await store.files.readPiece(file, 0), bytes);
  });
});

Deno.test("transactions of jobs of one lease do not fail each other, whatever isolation is the default", async () => {
  await withDefault("default_transaction_isolation", "serializable", async (_db, store) => {
    const [first, second] = await claimed(store, buildJob(), buildJob());
    const finish = (job: typeof first) => () => changeFor(job!, { type: "SUCCEED" });
    await store.transaction(BY, async (sql) => {
      await sql`select count(*) from debug_effect`;
      await store.transaction(BY, (other) => other`select 1`, finish(second));
    }, finish(first));
    for (const job of [first, second]) {
      assertEquals((await store.get(null, job!.id))?.state, "succeeded");
    }
  });
});
