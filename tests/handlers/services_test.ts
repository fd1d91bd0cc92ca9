/** `finance.sync` and `credits.grant` on real tables. */
import { assertEquals, assertRejects } from "@std/assert";
import { creditsGrant, creditsPrepare } from "../../handlers/credits_grant.ts";
import { financeSync } from "../../handlers/finance_sync.ts";
import { createRuntime, InvalidInputError } from "perdura";
import { creditGrants } from "../../src/cli/credits.ts";
import { Files } from "../../src/runtime/files.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { type TestWorker, testWorker } from "../support/worker.ts";

/** What the copy lacks, or has otherwise. */
async function differences(db: TestDatabase): Promise<number> {
  const [row] = await db.sql`
    select count(*)::int as n
      from ledger_entry e full join ledger_copy c on c.tenant_id = e.tenant_id and c.id = e.id
     where (e.account, e.amount) is distinct from (c.account, c.amount)`;
  return Number(row?.n);
}

/**
 * Runs it until the copy is whole; gives how many rows were copied. A transaction of anybody on the server
 * holds the mark back, so that one run may leave something to the next.
 */
async function sync(db: TestDatabase, w: TestWorker, payload: object): Promise<number> {
  let copied = 0;
  await eventually("the copy is whole", async () => {
    copied += Object((await w.run("finance.sync", payload)).output).copied;
    return await differences(db) === 0;
  });
  return copied;
}

Deno.test("finance.sync copies piece by piece; the next run copies only what has changed since", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [financeSync()]);
  assertEquals((await w.run("finance.sync", {})).output, {
    copied: 0,
    cursor: { xid: "0", id: "0" },
  });
  await db.sql`
    insert into ledger_entry (tenant_id, account, amount)
    select 'default', 'a' || n % 7, n from generate_series(1, 250) n`;
  assertEquals(await sync(db, w, { chunk: 100 }), 250);
  await db.sql`
    update ledger_entry set amount = -amount, xid = pg_current_xact_id() where id % 50 = 0`;
  await db.sql`insert into ledger_entry (tenant_id, account, amount) values ('default', 'new', 1)`;
  assertEquals(await sync(db, w, { chunk: 4 }), 6);
});

Deno.test("finance.sync leaves what is written below an open transaction to the next run", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [financeSync()]);
  await w.run("finance.sync", {});
  const written = Promise.withResolvers<void>();
  const mayCommit = Promise.withResolvers<void>();
  // It has its number and its transaction before the other row, and commits after it.
  const slow = db.sql.begin(async (sql) => {
    await sql`insert into ledger_entry (tenant_id, account, amount) values ('default', 'slow', 1)`;
    written.resolve();
    await mayCommit.promise;
  });
  await written.promise;
  await db.sql`insert into ledger_entry (tenant_id, account, amount) values ('default', 'fast', 2)`;
  const between = await w.run("finance.sync", {});
  mayCommit.resolve();
  await slow;
  assertEquals([Object(between.output).copied, await sync(db, w, {})], [0, 2]);
});

Deno.test("finance.sync goes on from its copy where the last run has left no place of ours", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [financeSync()]);
  await w.run("finance.sync", {});
  await db.sql`insert into ledger_entry (tenant_id, account, amount) values ('default', 'a', 1)`;
  assertEquals(await sync(db, w, {}), 1);
  for (const output of [{ cursor: { xid: "x", id: "1" } }, { cursor: 7 }, { copied: 1 }, "none"]) {
    await db.sql`update perdura.job_archive set output = ${JSON.stringify(output)}::text::json`;
    await db.sql`insert into ledger_entry (tenant_id, account, amount) values ('default', 'b', 2)`;
    assertEquals(await sync(db, w, {}), 1, JSON.stringify(output));
  }
});

Deno.test("finance.sync looks for its last run among so many jobs, and else asks its copy", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [financeSync()]);
  await w.run("finance.sync", {});
  await db.sql`
    update perdura.job_archive
       set output = '{"copied": 0, "cursor": {"xid": "99999999999", "id": "1"}}'`;
  await db.sql`
    insert into perdura.job_archive
    select (jsonb_populate_record(a, jsonb_build_object('type', 'other',
             -- Newer than the one they are made of, whatever the end of its id.
             'id', left(a.id::text, 24) || 'ffffff' || lpad(to_hex(n), 6, '0')))).*
      from perdura.job_archive a, generate_series(1, 5000) n`;
  await db.sql`insert into ledger_entry (tenant_id, account, amount) values ('default', 'a', 1)`;
  assertEquals(await sync(db, w, {}), 1);
});

Deno.test("finance.sync does not take back what another run has copied meanwhile", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [financeSync()]);
  await w.run("finance.sync", {});
  await db.sql`insert into ledger_entry (tenant_id, account, amount) values ('default', 'a', 1)`;
  assertEquals(await sync(db, w, {}), 1);
  // As another run leaves it that has read the row after this one has.
  await db.sql`update ledger_copy set amount = 2, xid = pg_current_xact_id()`;
  const begin = JSON.stringify({ cursor: { xid: "0", id: "0" } });
  await db.sql`update perdura.job_archive set output = ${begin}::text::json`;
  assertEquals(Object((await w.run("finance.sync", {})).output).copied, 1);
  const [row] = await db.sql`select amount::int from ledger_copy`;
  assertEquals(row?.amount, 2);
});

Deno.test("finance.sync keeps tenants apart", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [financeSync()]);
  await w.run("finance.sync", {});
  await db.sql`insert into ledger_entry (tenant_id, account, amount) values ('other', 'theirs', 1)`;
  assertEquals(Object((await w.run("finance.sync", {})).output).copied, 0);
});

Deno.test("credits.grant shows nothing until all is there, and counts a customer once", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [creditsGrant()]);
  const { id: fileId } = await new Files(db.store.files).add({
    tenantId: "default",
    name: "customers.txt",
    mediaType: "text/plain",
    bytes: new TextEncoder().encode(
      Array.from({ length: 2_500 }, (_, n) => `customer ${n % 2_400}`).join("\n"),
    ),
  });
  const grant = await w.run("credits.grant", { name: "spring", amount: 5, fileId });
  assertEquals(grant.output, { customers: 2_400, total: 12_000 });
  const more = { name: "one", amount: 7, customers: ["customer 0"] };
  await w.run("credits.grant", more);
  const rows = await db.sql`
    select customer, amount::int from customer_credit where customer in ('customer 0', 'customer 1')
     order by customer`;
  assertEquals(rows.map((row) => row.amount), [12, 5]);
});

Deno.test("credits.grant: the same key is the same grant; nobody, or less than nothing, is refused", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [creditsGrant()]);
  const payload = { name: "spring", amount: 5, customers: ["a", "b", "a"] };
  const key = { type: "credits.grant", idempotencyKey: "spring" };
  const first = await w.jobs.enqueueUnchecked({ ...key, payload });
  await w.reach(first.id, "succeeded");
  assertEquals((await w.jobs.enqueueUnchecked({ ...key, payload })).id, first.id);
  const wrong = [{ amount: -5 }, { amount: 0 }, { amount: 0.5 }, { customers: [] }, {
    customers: ["a", "b\0"],
  }];
  for (const member of wrong) {
    const send = () =>
      w.jobs.enqueueUnchecked({ type: "credits.grant", payload: { ...payload, ...member } });
    await assertRejects(send, InvalidInputError, undefined, JSON.stringify(member));
  }
  const rows = await db.sql`select customer, amount::int from customer_credit order by customer`;
  assertEquals(rows.map((row) => Object.values(row)), [["a", 5], ["b", 5]]);
});

Deno.test("credits.grant: a file that is not UTF-8, or whose lines are no names, grants nothing", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [creditsGrant()]);
  const latin1 = Uint8Array.of(97, 10, 74, 0xf6, 114, 103, 10);
  for (const bytes of [latin1, new TextEncoder().encode(`a\n${"x".repeat(101)}\n`)]) {
    const file = { tenantId: "default", name: "c.txt", mediaType: "text/plain", bytes };
    const { id: fileId } = await new Files(db.store.files).add(file);
    const job = await w.run("credits.grant", { name: "spring", amount: 5, fileId });
    assertEquals([job.state, job.attempt], ["dead_letter", 1]);
    assertEquals(job.lastError?.message, "Customer 2 of the file is not a name");
  }
  const [found] = await db.sql`select to_regclass('credit_entry') is null as nothing`;
  assertEquals(found?.nothing, true);
});

Deno.test("credits.grant: a line is a customer, whatever ends it", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    handlers: [creditsGrant(), creditsPrepare()],
    machines: [creditGrants],
    pollMs: 50,
  });
  runtime.work();
  for (const end of ["\n", "\r\n", "\r"]) {
    const bytes = new TextEncoder().encode(["\uFEFFada", "bob", "", "ada"].join(end));
    const file = { tenantId: "default", name: "c.txt", mediaType: "text/plain", bytes };
    const { id: fileId } = await new Files(db.store.files).add(file);
    const input = { name: "spring", amount: 5, fileId };
    const granted = { customers: 2, total: 10 };
    assertEquals(await runtime.enqueueAndWait("credits.grant", input), granted);
    const id = `ended by ${JSON.stringify(end)}`;
    await runtime.actors.start({ machine: "credits.grant", id, input });
    const over = await runtime.actors.wait(null, id, "done", { timeoutMs: 60_000 });
    assertEquals(over?.output, { granted, failure: null });
  }
});

Deno.test("credits.grant: what was prepared and never published counts nothing", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [creditsGrant()]);
  await w.run("credits.grant", { name: "first", amount: 1, customers: ["a"] });
  await db.sql`
    insert into credit_entry (tenant_id, grant_id, customer, amount)
    values ('default', gen_random_uuid(), 'a', 100)`;
  const [row] = await db.sql`select amount::int from customer_credit where customer = 'a'`;
  assertEquals(row?.amount, 1);
});

Deno.test("the machine credits.grant: chunks by jobs, all at once, doubles once, nothing when one is wrong", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    handlers: [creditsPrepare()],
    machines: [creditGrants],
    pollMs: 50,
  });
  runtime.work();
  const grant = async (id: string, customers: readonly string[]) => {
    const { id: fileId } = await new Files(db.store.files).add({
      tenantId: "default",
      name: "customers.txt",
      mediaType: "text/plain",
      bytes: new TextEncoder().encode(customers.join("\n")),
    });
    const input = { name: id, amount: 5, fileId };
    await runtime.actors.start({ machine: "credits.grant", id, input });
    const over = await runtime.actors.wait(null, id, "done", { timeoutMs: 60_000 });
    return Object(over?.output);
  };
  const many = Array.from({ length: 2_600 }, (_, n) => `customer ${n % 2_400}`);
  assertEquals(await grant("spring", many), {
    granted: { customers: 2_400, total: 12_000 },
    failure: null,
  });
  // Taken back, it prepares all of it again, and does not count twice.
  for (const activities of ["rerun", "reuse"] as const) {
    await runtime.actors.rewind("spring", { at: 1, activities });
    const again = await runtime.actors.wait(null, "spring", "done", { timeoutMs: 60_000 });
    assertEquals(again?.output, { granted: null, failure: '"spring" has granted already' });
  }
  const mangled = await grant("mangled", [...many, "J\uFFFDrg"]);
  assertEquals(mangled, { granted: null, failure: "A chunk could not be prepared" });
  const wrong = await grant("wrong", [...many, "x".repeat(101)]);
  assertEquals(wrong, { granted: null, failure: "A chunk could not be prepared" });
  assertEquals(await grant("none", []), { granted: null, failure: "It names no customers" });
  const [row] = await db.sql`
    select count(*)::int as n, sum(amount)::int as total from customer_credit`;
  assertEquals([row?.n, row?.total], [2_400, 12_000]);
});
