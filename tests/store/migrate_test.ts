/** Migrations: once each, checked, together; and the schema file that people read. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import postgres from "postgres";
import { JOB_EVENTS, JOB_STATES } from "../../machines/job.ts";
import { migrate, migrations } from "../../src/store/migrate.ts";
import { MigrationError } from "../../src/store/migration_error.ts";
import schemaFile from "../../sql/schema.sql" with { type: "text" };
import { eventually } from "../support/build.ts";
import { emptyDatabase } from "../support/database.ts";

async function withSql<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await run(sql);
  } finally {
    await sql.end();
  }
}

Deno.test("migrate() applies everything once, and a plan changes nothing", async () => {
  await using db = await emptyDatabase();
  const plan = await migrate({ url: db.url, plan: true });
  assertEquals(plan.pending.length, migrations.length);
  await withSql(db.url, async (sql) => {
    const [row] = await sql`select to_regnamespace('perdura') as schema`;
    assertEquals(row?.schema, null);
  });
  assertEquals((await migrate({ url: db.url })).pending.length, migrations.length);
  assertEquals((await migrate({ url: db.url })).pending, []);
  assertEquals((await migrate({ url: db.url, plan: true })).pending, []);
});

Deno.test("migrate() by ten processes at once happens once", async () => {
  await using db = await emptyDatabase();
  const reports = await Promise.all(Array.from({ length: 10 }, () => migrate({ url: db.url })));
  const applied = reports.reduce((sum, report) => sum + report.pending.length, 0);
  assertEquals(applied, migrations.length);
});

Deno.test("migrate() refuses an applied migration with another text", async () => {
  await using db = await emptyDatabase();
  await migrate({ url: db.url });
  const changed = migrations.map((m) => ({ ...m, text: `${m.text} -- edited` }));
  await assertRejects(() => migrate({ url: db.url, migrations: changed }), MigrationError, "0001");
});

Deno.test("migrate() that fails half way leaves nothing behind", async () => {
  await using db = await emptyDatabase();
  const broken = [...migrations, {
    id: 2,
    name: "0002_broken",
    text: "create table perdura.x (); nonsense",
  }];
  await assertRejects(() => migrate({ url: db.url, migrations: broken }));
  await withSql(db.url, async (sql) => {
    const [row] = await sql`select to_regclass('perdura.job') as job`;
    assertEquals(row?.job, null);
  });
});

Deno.test("migrate() has every table before it changes the first, and is not who a deadlock ends", async () => {
  await using db = await emptyDatabase();
  await migrate({ url: db.url });
  const last = migrations.at(-1)?.id ?? 0;
  const next = {
    id: last + 1,
    name: "9999_next",
    text: `select nextval('tries');
      alter table perdura.job add x int; alter table perdura.unique_key add x int`,
  };
  await withSql(db.url, async (worker) => {
    await worker`create sequence tries`;
    await worker`begin`;
    await worker`lock table perdura.unique_key in row share mode`;
    const migrating = migrate({ url: db.url, migrations: [...migrations, next] });
    await withSql(db.url, async (sql) => {
      await eventually("it waits for the worker's table", async () => {
        const [row] = await sql`
          select 1 from pg_locks
           where not granted and relation = 'perdura.unique_key'::regclass`;
        return row !== undefined;
      });
      const [tried] = await sql`select is_called from tries`;
      assertEquals(tried?.is_called, false, "it has begun");
    });
    // It holds this one: each waits for the other now.
    const deadlock = await assertRejects(
      () => worker`lock table perdura.job in row share mode`,
      postgres.PostgresError,
    );
    assertEquals(deadlock.code, "40P01");
    await worker`rollback`;
    assertEquals((await migrating).pending.map(({ id }) => id), [next.id]);
    const [tried] = await worker`select last_value::int as n from tries`;
    assertEquals(tried?.n, 1);
  });
});

Deno.test("migrate() waits for a lock for longer than the role lets a statement take", async () => {
  await using db = await emptyDatabase();
  await migrate({ url: db.url });
  const next = { id: 9_999, name: "9999_next", text: "alter table perdura.job add x int" };
  await withSql(db.url, async (worker) => {
    const { pathname } = new URL(db.url);
    await worker.unsafe(`alter database ${pathname.slice(1)} set statement_timeout = '250ms'`);
    await worker`begin`;
    await worker`lock table perdura.job in row share mode`;
    const migrating = migrate({ url: db.url, migrations: [...migrations, next] });
    await worker`select pg_sleep(1)`;
    await worker`commit`;
    assertEquals((await migrating).pending.map(({ id }) => id), [next.id]);
  });
});

Deno.test("migrate() lets others go on while somebody reads a table for long, and is through when that is over", async () => {
  await using db = await emptyDatabase();
  await migrate({ url: db.url });
  const next = { id: 9999, name: "9999_next", text: "create table perdura.next (n integer)" };
  await withSql(db.url, async (reader) => {
    await reader`begin`;
    await reader`select 1 from perdura.job limit 1`;
    const migrating = migrate({ url: db.url, migrations: [...migrations, next] });
    await withSql(db.url, async (sql) => {
      await eventually("it waits for the reader", async () => {
        const [row] = await sql`
          select 1 from pg_locks
           where not granted and relation = 'perdura.job'::regclass`;
        return row !== undefined;
      });
      // Behind it, and before the reader has gone.
      await sql`select 1 from perdura.job limit 1`;
    });
    await reader`commit`;
    assertEquals((await migrating).pending.map(({ id }) => id), [next.id]);
  });
});

Deno.test("migrate() writes down the names of the stored codes", async () => {
  await using db = await emptyDatabase();
  await migrate({ url: db.url });
  await withSql(db.url, async (sql) => {
    const states = await sql`select name from perdura.state_name order by code`;
    const events = await sql`select name from perdura.event_name order by code`;
    assertEquals(states.map((row) => row.name), [...JOB_STATES]);
    assertEquals(events.map((row) => row.name), [...JOB_EVENTS]);
  });
});

Deno.test("sql/schema.sql builds what the migrations build", async () => {
  await using migrated = await emptyDatabase();
  await using written = await emptyDatabase();
  await migrate({ url: migrated.url });
  await withSql(written.url, (sql) => sql.unsafe(schemaFile).then(() => {}));
  const [a, b] = await Promise.all([catalog(migrated.url), catalog(written.url)]);
  assert(a.length > 100, "the catalog was read");
  assertEquals(b, a);
});

/** Every column, constraint, index and function of the schema, but for the partitions of single days. */
function catalog(url: string): Promise<string[]> {
  return withSql(url, async (sql) => {
    const rows = await sql`
      select line from (
        select format('%s.%s %s %s %s %s', c.relname, a.attname,
                      format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage,
                      pg_get_expr(d.adbin, d.adrelid)) as line, c.relname
          from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
          left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
         where c.relnamespace = 'perdura'::regnamespace and c.relkind in ('r', 'p')
           and not a.attisdropped
        union all
        select format('%s %s %s', c.relname, c.reloptions, pg_get_partkeydef(c.oid)), c.relname
          from pg_class c
         where c.relnamespace = 'perdura'::regnamespace and c.relkind in ('r', 'p')
        union all
        select format('%s %s', c.relname, pg_get_constraintdef(k.oid)), c.relname
          from pg_constraint k join pg_class c on c.oid = k.conrelid
         where k.connamespace = 'perdura'::regnamespace
        union all
        select indexdef, tablename from pg_indexes where schemaname = 'perdura'
        union all
        select pg_get_functiondef(oid), proname from pg_proc
         where pronamespace = 'perdura'::regnamespace) s
       where relname !~ '_[0-9]{8}$'
       order by line`;
    return rows.map((row) => row.line);
  });
}
