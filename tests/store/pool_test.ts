/** Who gets which connection of a pool. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UnavailableError } from "../../src/core/errors.ts";
import { Database } from "../../src/store/database.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { Proxy } from "../support/proxy.ts";

const WHO = "select pg_backend_pid() as pid";
const WAIT = "select pg_backend_pid() as pid from (select pg_advisory_lock_shared(1)) as waited";

interface Held {
  readonly db: Database;
  readonly proxy: Proxy;
  /** The backend that answers what is asked alone. */
  readonly first: unknown;
  /** A statement that is not over before `release`. */
  readonly long: Promise<unknown>;
  release(): Promise<void>;
}

const pidOf = async (db: Database, text = WHO) => (await db.query(text))[0]?.pid;

/** A pool with one connection, which is busy. */
async function holding(connections: number, run: (held: Held) => Promise<void>): Promise<void> {
  await using test = await testDatabase();
  await using proxy = new Proxy(new URL(test.url));
  const patience = { statementTimeoutMs: 60_000, lockTimeoutMs: 60_000, deadlineMs: 90_000 };
  const db = new Database({ url: proxy.url, connections, ...patience });
  const holder = await test.sql.reserve();
  try {
    const first = await pidOf(db);
    await holder`select pg_advisory_lock(1)`;
    const long = pidOf(db, WAIT);
    // What a test says when it fails must not be hidden by the call that it leaves behind.
    long.catch(() => {});
    const release = async () => {
      await holder`select pg_advisory_unlock(1)`;
      await long;
    };
    await run({ db, proxy, first, long, release });
  } finally {
    holder.release();
    await db.close();
  }
}

Deno.test("a call does not wait for a long one: another connection is opened", async () => {
  await holding(4, async ({ db, first, long, release }) => {
    const other = await pidOf(db);
    assertEquals([typeof other, other === first, db.use.open], ["number", false, 2]);
    await release();
    assertEquals(await long, first);
  });
});

Deno.test("a call does not wait for a connection that is being opened, if another is free before", async () => {
  await holding(4, async ({ db, proxy, first, release }) => {
    proxy.mode = "stall";
    const calls = [pidOf(db), pidOf(db)];
    await eventually("others are being opened", () => Promise.resolve(db.use.open === 3));
    await release();
    assertEquals(await Promise.all(calls), [first, first]);
    proxy.mode = "forward";
  });
});

Deno.test("where no more connections are to be had, calls wait for those there are", async () => {
  await holding(4, async ({ db, proxy, first, release }) => {
    proxy.mode = "refuse";
    const call = pidOf(db);
    await eventually("one was refused", () => Promise.resolve(proxy.refused > 0));
    await release();
    assertEquals(await call, first);
  });
});

Deno.test("why there is no connection is told to all that wait for the first", async () => {
  await using test = await testDatabase();
  const role = `refused_${crypto.randomUUID().slice(0, 8)}`;
  await test.sql.unsafe(`create role ${role} login connection limit 0`);
  const url = new URL(test.url);
  url.username = role;
  const db = new Database({ url: url.href, connections: 4 });
  for (const refused of await Promise.allSettled([pidOf(db), pidOf(db), pidOf(db)])) {
    assert(refused.status === "rejected" && refused.reason instanceof UnavailableError);
    assertMatch(refused.reason.message, /password authentication failed|too many connections/);
  }
  await db.close();
  await test.sql.unsafe(`drop role ${role}`);
});

Deno.test("who has waited too long for a connection is told so, and nobody else is cut off", async () => {
  await using test = await testDatabase();
  await using proxy = new Proxy(new URL(test.url));
  const db = new Database({ url: proxy.url, connections: 8, deadlineMs: 5_000 });
  await pidOf(db);
  proxy.mode = "stall";
  const SLOW = "select pg_backend_pid() as pid, pg_sleep(1)";
  const calls = await Promise.allSettled(Array.from({ length: 8 }, () => pidOf(db, SLOW)));
  const failed = calls.flatMap((call) => call.status === "rejected" ? [call.reason.message] : []);
  assert(failed.length > 0 && failed.length < 8, `${failed.length} of 8 failed`);
  for (const message of failed) assertEquals(message, "No connection was free in 5000 ms");
  assertEquals(db.use.deadlines, 0);
  proxy.cutAll();
  await db.close();
});

Deno.test("who waits while the last connection is lost gets another", async () => {
  await holding(4, async ({ db, proxy, long }) => {
    proxy.mode = "stall";
    const call = pidOf(db);
    await eventually("another is being opened", () => Promise.resolve(db.use.open === 2));
    const lost = assertRejects(() => long, UnavailableError);
    proxy.cutAll();
    await lost;
    proxy.mode = "forward";
    assertEquals(typeof await call, "number");
  });
});

Deno.test("calls of a pool that is closed meanwhile are answered, those after it are not", async () => {
  await holding(4, async ({ db, proxy, first, release }) => {
    proxy.mode = "stall";
    const call = pidOf(db);
    await eventually("another is being opened", () => Promise.resolve(db.use.open === 2));
    const closed = db.close();
    proxy.mode = "forward";
    await assertRejects(() => db.query(WHO), UnavailableError, "closed");
    await release();
    assertEquals(await call, first);
    await closed;
  });
});

Deno.test("a full pool sends calls behind others", async () => {
  await holding(1, async ({ db, first, release }) => {
    const calls = [pidOf(db), pidOf(db)];
    assertEquals(db.use.calls, 3);
    await release();
    assertEquals(await Promise.all(calls), [first, first]);
    assertEquals(db.use.open, 1);
  });
});
