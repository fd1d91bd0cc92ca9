/**
 * The job's own transaction, and the two defects of the bare driver that it must not have.
 *
 * The defects are reproduced here against postgres.js itself: when a test of them goes green
 * without the driver leaking, the driver was mended and our guard may be looked at again.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import postgres from "postgres";
import { LeaseLostError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/id.ts";
import type { TransactionSql } from "../../src/store/store.ts";
import { openStore } from "../../src/store/open.ts";
import { buildJob, changeFor, claimAll, claimed, eventually } from "../support/build.ts";
import { serverUrl, type TestDatabase, testDatabase } from "../support/database.ts";
import { Proxy } from "../support/proxy.ts";

const WORKER = newId();
const BY = { worker: WORKER, tenantId: "default" };

async function effects(db: TestDatabase): Promise<string[]> {
  const rows = await db.sql`select key from public.debug_effect order by key`;
  return rows.map((row) => row.key);
}

function write(sql: TransactionSql, key: string, jobId: string) {
  return sql`insert into debug_effect (key, job_id, attempt) values (${key}, ${jobId}, 1)`;
}

async function killBackend(db: TestDatabase, name: string): Promise<void> {
  const rows = await db.sql`
    select pg_terminate_backend(pid) as done from pg_stat_activity
     where datname = current_database() and application_name = ${name}`;
  assert(rows.length > 0, `no backend called ${name}`);
}

Deno.test("transaction() commits the writes and the success as one", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  const output = await db.store.transaction(BY, async (sql) => {
    await write(sql, "a", job!.id);
    const seen = await db.store.get(null, job!.id);
    assertEquals(seen?.state, "running", "nothing is visible before the commit");
    return { n: 1 };
  }, (result) => changeFor(job!, { type: "SUCCEED" }, { output: JSON.stringify(result) }));
  assertEquals(output, { n: 1 });
  const stored = await db.store.get(null, job!.id);
  assertEquals([stored?.state, stored?.output], ["succeeded", { n: 1 }]);
  assertEquals(await effects(db), ["a"]);
});

Deno.test("transaction() that throws writes nothing, and its session goes on", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  const finish = () => changeFor(job!, { type: "SUCCEED" });
  const failing = async (sql: TransactionSql) => {
    await write(sql, "a", job!.id);
    throw new RangeError("no");
  };
  await assertRejects(() => db.store.transaction(BY, failing, finish), RangeError);
  const wrong = (sql: TransactionSql) => sql`insert into no_such_table values (1)`;
  await assertRejects(() => db.store.transaction(BY, wrong, finish));
  assertEquals(await effects(db), []);
  assertEquals((await db.store.get(null, job!.id))?.state, "running");
  await db.store.transaction(BY, (sql) => write(sql, "b", job!.id), finish);
  assertEquals(await effects(db), ["b"]);
});

Deno.test("transaction() of a worker whose lease was taken over writes nothing", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  await db.sql`update perdura.lease set expires_at = now() - interval '1 second'`;
  await db.store.recover(newId(), [changeFor(job!, { type: "LEASE_EXPIRED" })]);
  await claimAll(db.store, 1);
  await assertRejects(
    () =>
      db.store.transaction(
        BY,
        (sql) => write(sql, "zombie", job!.id),
        () => changeFor(job!, { type: "SUCCEED" }),
      ),
    LeaseLostError,
  );
  assertEquals(await effects(db), []);
});

Deno.test("bare postgres.js: a statement after the backend died commits outside its transaction", async () => {
  await using db = await testDatabase();
  const script = new URL("./bare_leak.ts", import.meta.url).href;
  const args = ["run", "-A", script, db.url];
  await new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).output();
  assertEquals(await effects(db), ["after"], "the defect: half of a transaction was committed");
});

Deno.test("transaction(): a statement after the backend died is refused, in a user's table too", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  const outcomes: string[] = [];
  const attempt = db.store.transaction(BY, async (sql) => {
    await write(sql, "before", job!.id);
    await killBackend(db, "perdura test transaction");
    for (const key of ["after 1", "after 2", "after 3"]) {
      await write(sql, key, job!.id).then(
        () => outcomes.push("written"),
        () => outcomes.push("refused"),
      );
    }
  }, () => changeFor(job!, { type: "SUCCEED" }));
  await assertRejects(() => attempt);
  assertEquals(outcomes, ["refused", "refused", "refused"]);
  assertEquals(await effects(db), []);
  assertEquals((await db.store.get(null, job!.id))?.state, "running");
});

Deno.test("transaction(): its sessions are read-only outside of BEGIN READ WRITE", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  // A user's own COMMIT ends our transaction: what follows must not be committed by itself.
  await assertRejects(() =>
    db.store.transaction(BY, async (sql) => {
      await sql`commit`;
      await write(sql, "leaked", job!.id);
    }, () => changeFor(job!, { type: "SUCCEED" }))
  );
  assertEquals(await effects(db), []);
  assertEquals((await db.store.get(null, job!.id))?.state, "running");
});

Deno.test("bare postgres.js: a query on a connection that hears nothing never settles", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const bare = postgres(proxy.url, { max: 1, onnotice: () => {} });
  await bare`select 1`;
  proxy.mode = "hold_replies";
  let isSettled = false;
  const hanging = bare`select 1`.then(() => isSettled = true, () => isSettled = true);
  // The statement is through on the server, and its answer was swallowed: nothing else will come.
  while (proxy.swallowed === 0) await new Promise((done) => setTimeout(done, 5));
  assertEquals(isSettled, false, "the defect: there is no deadline");
  await bare.end({ timeout: 0 });
  await hanging;
});

Deno.test("transaction() that hears nothing ends at its cap, and writes nothing", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  const endless = async (sql: TransactionSql) => {
    await write(sql, "slow", job!.id);
    await sql`select pg_sleep(60)`;
  };
  await assertRejects(() =>
    db.store.transaction(BY, endless, () => changeFor(job!, { type: "SUCCEED" }))
  );
  assertEquals(await effects(db), []);
});

/** Sessions that are there go on, new ones are kept out until a transaction has tried twice. Gives its effects. */
async function effectsOfLate(
  keepOut: (db: TestDatabase, proxy: Proxy) => Promise<() => unknown>,
): Promise<string[]> {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const store = openStore({ url: proxy.url });
  await using _open = { [Symbol.asyncDispose]: () => store.close() };
  const [job] = await claimed(db.store, buildJob());
  const letIn = await keepOut(db, proxy);
  const before = proxy.accepted;
  const writing = store.transaction(
    BY,
    (sql) => write(sql, "late", job!.id),
    () => changeFor(job!, { type: "SUCCEED" }),
  );
  const isTried = () => Promise.resolve(proxy.accepted > before + 1);
  await Promise.race([writing, eventually("it is tried again", isTried)]).finally(letIn);
  await writing;
  return await effects(db);
}

Deno.test("transaction() waits for a server that lets no session in: no failure of its job", async () => {
  const late = await effectsOfLate(async (db) => {
    const [row] = await db.sql`select current_database() as name`;
    const allow = async (word: string) => {
      const admin = postgres(serverUrl(), { max: 1, onnotice: () => {} });
      await admin.unsafe(`alter database ${row?.name} allow_connections ${word}`);
      await admin.end();
    };
    await allow("false");
    return () => allow("true");
  });
  assertEquals(late, ["late"]);
});

Deno.test("transaction() waits for a server that does not answer: no failure of its job", async () => {
  const late = await effectsOfLate((_, proxy) => {
    proxy.mode = "stall";
    return Promise.resolve(() => proxy.mode = "forward");
  });
  assertEquals(late, ["late"]);
});

Deno.test("a transaction that may take longer says so for itself alone", async () => {
  await using db = await testDatabase();
  const timeouts: unknown[] = [];
  const ask = (capMs?: number) =>
    assertRejects(
      () =>
        db.store.actors.transact(WORKER, "default", () => Promise.resolve(), async (send) => {
          const [row] = await send("show statement_timeout", []);
          timeouts.push(row?.statement_timeout);
          throw new Error("enough");
        }, capMs),
      Error,
      "enough",
    );
  await ask();
  await ask(60_000);
  await ask();
  assertEquals(timeouts, ["5s", "1min", "5s"]);
  const slow = await assertRejects(() =>
    db.store.actors.transact(WORKER, "default", () => Promise.resolve(), async (send) => {
      await send("select pg_sleep(60)", []);
      throw new Error("not reached");
    }, 100)
  );
  assert(!String(slow).includes("not reached"), String(slow));
});
