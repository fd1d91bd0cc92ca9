/** Row-level security: who is behind it, who is not, and what it needs of a server without superuser. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { UnavailableError } from "../../src/core/errors.ts";
import { newId, newJobId } from "../../src/core/id.ts";
import type { JobInsert } from "../../src/core/job.ts";
import { migrate, migrations } from "../../src/store/migrate.ts";
import { MigrationError } from "../../src/store/migration_error.ts";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { buildJob, changeFor, claimAll } from "../support/build.ts";
import { emptyDatabase, serverUrl, type TestDatabase, testDatabase } from "../support/database.ts";

/** One waiting job of a tenant; gives its id. */
async function jobOf(store: Store, tenantId: string): Promise<string> {
  const [inserted] = await store.insert([buildJob({ tenantId, id: newJobId(tenantId) })]);
  return inserted?.id ?? "";
}

Deno.test("a request of one tenant reads and changes nothing of another, whatever it asks", async () => {
  await using db = await testDatabase();
  const { store } = db;
  const [a, b, ended] = [await jobOf(store, "a"), await jobOf(store, "b"), await jobOf(store, "b")];
  assert(await store.hasWall());
  const claimed = await claimAll(store, 10);
  const running = claimed.find(({ id }) => id === b);
  const over = claimed.filter(({ id }) => id === ended);
  await store.commit(null, over.map((job) => changeFor(job, { type: "SUCCEED" })));
  const [foreign, archived] = [await store.get("b", b), await store.get("b", ended)];
  assert(running && foreign && archived, "outside of requests they are there");
  await store.within("a", async () => {
    assertEquals((await store.get("a", a))?.id, a);
    assertEquals(await store.get("b", b), null);
    assertEquals(await store.get(null, b), null);
    const all = { tenantId: "b", states: null, type: null, queue: null };
    assertEquals(await store.list(all, null, 10), []);
    assertEquals((await store.counts(null)).reduce((sum, { count }) => sum + count, 0), 1);
    assertEquals((await store.tenants("", 10)).map(({ id }) => id), ["a"]);
    assertEquals(await store.remove(archived), false);
    // Made of what was asked with, and of no row: neither the claim nor the worker is told.
    const told = await store.history(foreign, 0, 10);
    assertEquals(told.map(({ event }) => event), ["ENQUEUE"]);
    assertEquals(await store.requestCancel(foreign), null);
    const [refusal] = await store.commit(null, [changeFor(running, { type: "SUCCEED" })]);
    assertEquals(refusal?.reason, "lost");
    const limits = { ratePerMinute: 1, burst: null, concurrency: null, weight: 1, backlog: null };
    await assertRejects(() =>
      store.gates.setLimits({ tenantId: "b", kind: "queue", name: "q" }, limits)
    );
    const stolen = {
      tenantId: "b",
      id: newId(),
      name: "x",
      hash: "0",
      scopes: [],
      expiresAt: null,
    };
    await assertRejects(() => store.keys.addKey(stolen, false));
    const entry = { tenantId: "b", who: "x", action: "x.y", subject: "x" };
    await assertRejects(() => store.audit.record(entry));
  });
  assertEquals([await store.get("b", b), await store.get("b", ended)], [foreign, archived]);
});

Deno.test("requests at the same time, on the same connections, keep to their tenants", async () => {
  await using db = await testDatabase();
  const tenants = Array.from({ length: 20 }, (_, n) => `t${n}`);
  const ids = await Promise.all(tenants.map((tenant) => jobOf(db.store, tenant)));
  const seen = await Promise.all(
    Array.from({ length: 400 }, (_, n) => {
      const [tenant, other] = [n % 20, (n + 7) % 20];
      return db.store.within(`t${tenant}`, async () => [
        (await db.store.get(null, ids[tenant] ?? ""))?.tenantId,
        await db.store.get(null, ids[other] ?? ""),
      ]);
    }),
  );
  seen.forEach((pair, n) => assertEquals(pair, [`t${n % 20}`, null]));
  const free = await Promise.all(ids.map((id) => db.store.get(null, id)));
  assert(free.every((job) => job !== null), "nothing is left on a connection");
});

Deno.test("jobs of a request come in for its tenant alone, of whatever sort", async () => {
  await using db = await testDatabase();
  const { store } = db;
  const sorts: Partial<JobInsert>[] = [
    ...[{}, { idempotencyKey: "k" }, { orderingKey: "o" }, { limitKey: "l" }],
    ...[{ delayMs: 60_000 }, { payloadJson: JSON.stringify("x".repeat(4_000)) }],
  ];
  for (const sort of sorts) {
    const [own, foreign] = ["a", "b"].map((tenantId) =>
      buildJob({ tenantId, id: newJobId(tenantId), ...sort })
    );
    assert(own && foreign);
    const shown = JSON.stringify(sort).slice(0, 50);
    await store.within("a", async () => {
      await assertRejects(() => store.insert([foreign]), UnavailableError, "42501", shown);
      await assertRejects(() => store.insert([own, foreign]), UnavailableError, "42501", shown);
      assertEquals((await store.insert([own])).length, 1, shown);
    });
    const both = new Set(["a", "c"]);
    await assertRejects(() => store.enter([foreign], [], both), UnavailableError, "42501", shown);
  }
  const tenants = await db.sql`select distinct tenant_id as t from perdura.job`;
  assertEquals(tenants.map(({ t }) => t), ["a"]);
  assertEquals((await db.sql`select id from perdura.tenant`).map(({ id }) => id), ["a"]);
});

Deno.test("jobs of several requests in one statement; their role sees nothing beyond", async () => {
  await using db = await testDatabase();
  const { store } = db;
  const jobs = ["a", "b", "a"].map((tenantId) => buildJob({ tenantId, id: newJobId(tenantId) }));
  const entered = await store.enter(jobs, [], new Set(["a", "b"]));
  assertEquals(entered.map(({ created }) => created), [true, true, true]);
  const seen = await db.sql.begin(async (sql) => {
    await sql.unsafe("set local role perdura_sender");
    const [none] = await sql`select count(*)::int as n from perdura.job`;
    await sql.unsafe(`set local perdura.tenants = '{"b"}'`);
    const [some] = await sql`select count(*)::int as n from perdura.job`;
    return [none?.n, some?.n];
  });
  assertEquals(seen, [0, 1]);
  for (const table of ["api_key", "audit", "lease", "actor", "gate"]) {
    const look = db.sql.begin(async (sql) => {
      await sql.unsafe("set local role perdura_sender");
      await sql.unsafe(`select from perdura.${table}`);
    });
    await assertRejects(() => look, Error, "permission denied", table);
  }
});

/** What a statement of the role of senders compares each job with. */
async function filterOfSenders({ sql }: TestDatabase): Promise<string> {
  const plan = await sql.begin(async (tx) => {
    await tx.unsafe("set local role perdura_sender");
    return await tx.unsafe("explain select from perdura.job");
  });
  return plan.map((row) => String(row["QUERY PLAN"])).find((line) => line.includes("= ANY")) ?? "";
}

Deno.test("the tenants of senders are read once per statement, and not for each row as earlier", async () => {
  await using db = await testDatabase();
  const earlier =
    "tenant_id = any ((select nullif(current_setting('perdura.tenants', true), ''))::text[])";
  await db.sql.unsafe(
    `alter policy sender on perdura.job using (${earlier}) with check (${earlier})`,
  );
  assertStringIncludes(await filterOfSenders(db), "::text[]");
  await db.sql`delete from perdura.migration where name = '0027_tenants_read_once'`;
  assertEquals((await migrate({ url: db.url })).pending.length, 1);
  const filter = await filterOfSenders(db);
  assert(filter !== "" && !filter.includes("::text[]"), filter);
  const policies = await db.sql`
    select distinct replace(e.text, '(id =', '(tenant_id =') as text
      from pg_policy p, lateral (values (pg_get_expr(p.polqual, p.polrelid)),
        (pg_get_expr(p.polwithcheck, p.polrelid))) as e(text)
     where p.polname = 'sender'`;
  assertEquals(policies.length, 1, "what is altered is what is made");
});

Deno.test("a transaction of a request writes for its tenant alone", async () => {
  await using db = await testDatabase();
  const { store } = db;
  const [a, b] = [await jobOf(store, "a"), await jobOf(store, "b")];
  const seen = await store.within("a", async () => {
    const rows: unknown[] = [];
    await store.operations.apart({ tenantId: "b", id: "x" }, async (send) => {
      rows.push(...(await send("select id from perdura.job", [])).map(({ id }) => id));
      await send("delete from perdura.job where tenant_id = 'b'", []);
    });
    return rows;
  });
  assertEquals(seen, [a]);
  assert(await store.get("b", b));
});

Deno.test("workers are outside of it, whoever's request is under way", async () => {
  await using db = await testDatabase();
  const id = await jobOf(db.store, "b");
  await db.store.within("a", async () => {
    assertEquals((await claimAll(db.store, 10)).map((job) => job.id), [id]);
  });
});

/** A login that is neither superuser nor may make roles, owner of a database of its own. */
async function plainLogin() {
  const db = await emptyDatabase();
  const name = `plain_${crypto.randomUUID().slice(0, 8)}`;
  const admin = postgres(db.url, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create role ${name} login password 'plain'`);
  const url = new URL(db.url);
  await admin.unsafe(`grant all on database ${url.pathname.slice(1)} to ${name}`);
  [url.username, url.password] = [name, "plain"];
  return {
    name,
    admin,
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      await admin.end();
      await db[Symbol.asyncDispose]();
      const server = postgres(serverUrl(), { max: 1, onnotice: () => {} });
      await server.unsafe(`drop role ${name}`);
      await server.end();
    },
  };
}

Deno.test("without a superuser it stands as soon as the three roles are granted", async () => {
  await using login = await plainLogin();
  await migrate({ url: login.url });
  const without = openStore({ url: login.url });
  const early = await jobOf(without, "a");
  assertEquals(await without.hasWall(), false);
  assertEquals((await without.within("b", () => without.get(null, early)))?.id, early);
  await without.close();
  const roles = "perdura_tenant, perdura_sender, perdura_runner";
  await login.admin.unsafe(`grant ${roles} to ${login.name}`);
  await migrate({ url: login.url });
  const store = openStore({ url: login.url });
  try {
    assertEquals(await store.hasWall(), true);
    const late = await jobOf(store, "b");
    // FORCE binds the owner: what workers do passes by the policy of perdura_runner.
    const claimed = await claimAll(store, 10);
    assertEquals(claimed.map(({ id }) => id).toSorted(), [early, late].toSorted());
    assertEquals(
      await store.commit(null, claimed.map((job) => changeFor(job, { type: "SUCCEED" }))),
      [],
    );
    assertEquals(await store.within("a", () => store.get(null, late)), null);
    assertEquals((await store.within("b", () => store.get(null, late)))?.state, "succeeded");
    await store.within("a", async () => {
      await jobOf(store, "a");
      await assertRejects(() => jobOf(store, "b"), UnavailableError, "42501");
    });
  } finally {
    await store.close();
  }
});

Deno.test("an owner who would see no rows is told, also where it was behind", async () => {
  await using login = await plainLogin();
  await login.admin.unsafe(`grant perdura_tenant, perdura_sender, perdura_runner to ${login.name}`);
  await migrate({ url: login.url });
  await login.admin.unsafe(`revoke perdura_runner from ${login.name}`);
  const next = { id: 9_999, name: "9999_next", text: "select 1" };
  for (const more of [[next], []]) {
    const start = () => migrate({ url: login.url, migrations: [...migrations, ...more] });
    await assertRejects(start, MigrationError, "sees no rows");
  }
});

Deno.test("a transaction of a handler, under a role of its own, sees its tenant alone", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe("create table public.note (tenant text, text text)");
  await db.sql.unsafe("grant insert, select on public.note to perdura_tenant");
  const store = openStore({ url: db.url, transactionRole: "perdura_tenant" });
  try {
    await jobOf(store, "a");
    await jobOf(store, "b");
    const job = (await claimAll(store, 10)).find(({ tenantId }) => tenantId === "a");
    assert(job);
    const by = { worker: newId(), tenantId: "a" };
    const seen = await store.transaction(by, async (sql) => {
      await sql`insert into public.note values (current_setting('perdura.tenant'), 'x')`;
      return (await sql`select tenant_id from perdura.job`).map((row) => row.tenant_id);
    }, () => changeFor(job, { type: "SUCCEED" }));
    assertEquals(seen, ["a"]);
    assertEquals((await store.get("a", job.id))?.state, "succeeded", "the end is the runner's own");
    const [note] = await db.sql`select tenant from public.note`;
    assertEquals(note?.tenant, "a");
  } finally {
    await store.close();
  }
});

Deno.test("a tenant takes no slot at a gate of another's, though they share a lease", async () => {
  await using db = await testDatabase();
  await jobOf(db.store, "a");
  await jobOf(db.store, "b");
  const [job] = await claimAll(db.store, 10);
  assert(job);
  const take = (tenantId: string) =>
    db.sql.begin(async (sql) => {
      await sql`select set_config('perdura.tenant', 'a', true)`;
      await sql`set local role perdura_tenant`;
      await sql`insert into perdura.slot (tenant_id, kind, name, lease_id, n, taken_at)
                values (${tenantId}, 0, '', ${job.leaseId}, 1000, now())`;
    });
  await take("a");
  await assertRejects(() => take("b"), postgres.PostgresError, "row-level security");
});

Deno.test("every table of tenants is behind the wall, made by whichever migration", async () => {
  await using db = await testDatabase();
  const rows = await db.sql`
    select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
           (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies
      from pg_class c
     where c.relnamespace = 'perdura'::regnamespace and c.relkind in ('r', 'p')
       and not c.relispartition
       and exists (select from pg_attribute a where a.attrelid = c.oid
                      and a.attname in ('tenant_id', 'tenants'))`;
  assert(rows.length > 15);
  const open = rows.filter(({ forced, policies }) => !forced || policies < 2);
  assertEquals(open.map(({ name }) => name), []);
});

Deno.test("a user's table in our schema is neither walled nor waited for, whoever writes to it", async () => {
  await using db = await testDatabase();
  const isBehind = async (table: string) => {
    const [row] = await db.sql`
      select relrowsecurity as behind from pg_class where oid = to_regclass(${table})`;
    return row?.behind;
  };
  await db.sql.unsafe("create table perdura.mine (tenant_id text)");
  await migrate({ url: db.url });
  assertEquals(await isBehind("perdura.mine"), false);
  const next = { id: 1_000, name: "1000_next", text: "create table perdura.next (tenant_id text)" };
  await db.sql.begin(async (tx) => {
    await tx`insert into perdura.mine values ('a')`;
    assertEquals((await migrate({ url: db.url })).pending, []);
    const { pending } = await migrate({ url: db.url, migrations: [...migrations, next] });
    assertEquals(pending.map(({ name }) => name), ["1000_next"]);
  });
  assertEquals([await isBehind("perdura.mine"), await isBehind("perdura.next")], [false, true]);
});
