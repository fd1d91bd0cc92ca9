/** Statements that arrive after their sender has given them up: a session of ours goes on without us. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { UnknownResultError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/id.ts";
import { uniqueSchema } from "../../src/core/unique.ts";
import { addUnique } from "../../src/runtime/uniques.ts";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { buildJob, changeFor, claimAll, eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { Proxy } from "../support/proxy.ts";

const WORKER = newId();

interface Context {
  readonly db: TestDatabase;
  readonly store: Store;
  readonly proxy: Proxy;
  /** The server's process that the store's one connection has. */
  readonly session: number;
  /** Resolves when that has ended. */
  readonly over: () => Promise<unknown>;
}

/** A store that has connected through a proxy, and soon gives up what is not answered. */
async function impatient(run: (context: Context) => Promise<void>) {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const times = { statementTimeoutMs: 60_000, deadlineMs: 2_000 };
  const store = openStore({ url: proxy.url, connections: 1, name: "lost", ...times });
  const sessions = () =>
    db.sql<{ pid: number }[]>`
      select pid from pg_stat_activity
       where datname = current_database() and application_name = 'lost'`;
  try {
    await store.insert([buildJob()]); // connected, the tenant and the statement are known
    await db.sql`delete from perdura.job`;
    const [{ pid: session } = { pid: 0 }] = await sessions();
    assert(session > 0);
    const over = () =>
      eventually("the session has ended", async () => {
        return (await sessions()).every(({ pid }) => pid !== session);
      });
    await run({ db, store, proxy, session, over });
  } finally {
    await store.close();
  }
}

async function liveJobs({ db }: Context): Promise<number> {
  const [row] = await db.sql<{ n: number }[]>`select count(*)::int as n from perdura.job`;
  return row?.n ?? 0;
}

Deno.test("an insert that arrives after it was sent again, and its job has run, stores nothing", async () => {
  await impatient(async (context) => {
    const { db, store, proxy, over } = context;
    const job = buildJob();
    proxy.mode = "hold_requests";
    const inserted = store.insert([job]);
    await eventually("it is on its way", () => Promise.resolve(proxy.held > 0));
    proxy.mode = "forward";
    assertEquals((await inserted)[0]?.created, true);
    const [claimed] = await claimAll(db.store, 1);
    assert(claimed);
    await db.store.commit(WORKER, [changeFor(claimed, { type: "SUCCEED" })]);
    proxy.release();
    await over();
    assertEquals(await liveJobs(context), 0, "the job would run again");
    assertEquals((await db.store.get(null, job.id))?.state, "succeeded");
  });
});

/** Its processes are ours to stop: those of another server may be anybody's. */
const isOurServer = Deno.env.get("TEST_OWN_SERVER") === "1";
const NOT_TRIED = isOurServer ? "" : " (not tried: the server is not the test's own)";
const unique = uniqueSchema.parse({ key: "k" });
const inserts: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  "an insert": (store) => store.insert([buildJob()]),
  "a unique job": (store) => addUnique(store.uniques, buildJob(), unique),
};

for (const [what, insert] of Object.entries(inserts)) {
  Deno.test({
    name: `${what} that a frozen session has is not sent again: it may still come${NOT_TRIED}`,
    ignore: !isOurServer,
    fn: () => freeze(insert),
  });
}

async function freeze(insert: (store: Store) => Promise<unknown>) {
  await impatient(async (context) => {
    const { store, session, over } = context;
    Deno.kill(session, "SIGSTOP");
    try {
      await assertRejects(() => insert(store), UnknownResultError);
      assertEquals(await liveJobs(context), 0, "there would be two of it");
    } finally {
      Deno.kill(session, "SIGCONT");
    }
    await over();
    assertEquals(await liveJobs(context), 0, "told to end, it does nothing more");
  });
}
