/** `doctor`, `backup-check` and `top`, on databases that are well and on one that was broken on purpose. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { z } from "zod";
import postgres from "postgres";
import { schemaChecks } from "../../src/cli/doctor/schema_checks.ts";
import { openTransactions } from "../../src/cli/doctor/server_checks.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { attachEmbedded } from "../../src/embedded/server.ts";
import { migrate } from "../../src/store/migrate.ts";
import { buildJob, claimAll, eventually } from "../support/build.ts";
import { standStill } from "../http/sockets.ts";
import { emptyDatabase, testDatabase } from "../support/database.ts";
import { openSession, perdura, type Session } from "./command.ts";

const findings = z.array(z.object({
  check: z.string(),
  level: z.enum(["ok", "warning", "problem"]),
  message: z.string(),
  remedy: z.string().nullable(),
}));

/** What is not well; the server of the tests does not wait for its disk, and says so. */
async function examine(url: string, run: Session["run"] = perdura) {
  const { code, stdout } = await run(["doctor", "--json"], { DATABASE_URL: url });
  const all = findings.parse(JSON.parse(stdout));
  const unwell = all.filter(({ check, level }) =>
    level !== "ok" && !["durability", "transactions", "connections"].includes(check)
  );
  return { code, all, unwell };
}

Deno.test("doctor on a healthy database finds nothing, and looks at everything", async () => {
  await using db = await testDatabase();
  const { all, unwell } = await examine(db.url);
  assertEquals(unwell, []);
  const looked = new Set(all.map(({ check }) => check));
  for (
    const check of [
      ...["settings", "database", "version", "migrations", "permissions", "clock", "indexes"],
      ...["durability", "vacuum", "transactions", "connections", "leases", "stuck jobs", "backlog"],
      ...["writes", "quarantine", "actors", "partitions"],
    ]
  ) {
    assert(looked.has(check), check);
  }
});

Deno.test("doctor finds a database that takes no writes", async () => {
  await using db = await testDatabase();
  const [row] = await db.sql`select current_database() as name`;
  await db.sql.unsafe(`alter database ${row?.name} set default_transaction_read_only = on`);
  const { code, unwell } = await examine(db.url);
  assertEquals([code, unwell.map(({ check, level }) => `${check}: ${level}`)], [
    1,
    ["writes: problem"],
  ]);
});

Deno.test("doctor says what is kept, and by whose word", async () => {
  await using db = await testDatabase();
  await using session = await openSession();
  const kept = async () => {
    const { all } = await examine(db.url, session.run);
    return all.filter(({ check }) => check === "retention");
  };
  const [forever] = await kept();
  assertStringIncludes(forever?.message ?? "", "for ever");
  const policy = { type: null, maxCount: null, keepSummary: true, isDeclared: true };
  const day = 86_400_000;
  await db.store.retention.set({
    ...{ ...policy, tenantId: null, state: "succeeded", maxAgeMs: 30 * day },
  });
  await db.store.retention.set({
    ...{ tenantId: "a", type: "mail", state: "dead_letter", maxAgeMs: null, maxCount: 100 },
    ...{ keepSummary: false, isDeclared: false },
  });
  const found = await kept();
  assertEquals(found.map(({ level, message }) => `${level}: ${message}`), [
    "ok: succeeded jobs of every tenant: kept for 30 days, by the settings; what goes is counted by day",
    'ok: dead_letter jobs of type "mail" of tenant "a": kept the newest 100, as an operator has set it',
  ]);
});

Deno.test("doctor on a broken database finds each fault, with what to do, and exits 1", async () => {
  await using db = await testDatabase();
  await db.store.insert([buildJob(), buildJob(), buildJob()]);
  await claimAll(db.store, 1);
  await db.sql`delete from perdura.lease`;
  await db.sql`update perdura.job set run_at = now() - interval '1 hour' where lease_id is null`;
  await db
    .sql`insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
    values (gen_random_uuid(), gen_random_uuid(), now() - interval '1 day', now() - interval '1 day',
            now(), 1, array['default'], array[gen_random_uuid()])`;
  await db.sql`insert into perdura.quarantine (tenant_id, job_id, reason)
    values ('default', gen_random_uuid(), 'out of range')`;
  await db.sql`drop index perdura.job_claim`;
  await db.sql`alter table perdura.job set (autovacuum_enabled = off)`;
  await db.sql`insert into perdura.actor (tenant_id, id, uid, root_id, machine, root_machine,
      machine_version, machine_hash, status, state, tags, version)
    values ('default', 'a', gen_random_uuid(), 'a', 'gone', 'gone', '1', 'x', 'blocked', '', '{}', 1)`;
  const { code, unwell } = await examine(db.url);
  assertEquals(code, 1);
  const of = (check: string) => unwell.filter((finding) => finding.check === check);
  assertMatch(of("indexes")[0]?.remedy ?? "", /^create index job_claim on perdura\.job/);
  assertMatch(of("vacuum")[0]?.remedy ?? "", /reset \(autovacuum_enabled\)/);
  assertMatch(of("leases")[0]?.remedy ?? "", /sweep/);
  assertMatch(of("stuck jobs")[0]?.message ?? "", /^1 running jobs have no lease/);
  assertMatch(of("backlog")[0]?.message ?? "", /^2 jobs are due .* no worker is connected$/);
  assertStringIncludes(of("quarantine")[0]?.message ?? "", "out of range");
  assertStringIncludes(of("actors")[0]?.remedy ?? "", "machines check");
  for (const { remedy } of unwell) assert(remedy !== null && remedy !== "");
});

Deno.test("doctor finds a schema that is not there, a right that is missing, and no place for tomorrow's rows", async () => {
  await using bare = await emptyDatabase();
  await using session = await openSession();
  const nothing = await examine(bare.url, session.run);
  assertEquals(nothing.code, 1);
  assertEquals(nothing.unwell.map(({ check, remedy }) => [check, remedy]), [
    ["migrations", "Run `perdura migrate`."],
  ]);
  await using db = await testDatabase();
  const role = `doctor_${crypto.randomUUID().slice(0, 8)}`;
  await db.sql.unsafe(`
    create role ${role} login password 'x';
    grant usage on schema perdura to ${role};
    grant select on all tables in schema perdura to ${role};
    drop table perdura.step_${tomorrow()};`);
  try {
    const url = new URL(db.url);
    [url.username, url.password] = [role, "x"];
    const { code, unwell } = await examine(url.href, session.run);
    const checks = ["permissions", "permissions", "partitions"];
    assertEquals([code, unwell.map(({ check }) => check)], [1, checks]);
    assertMatch(unwell[0]?.remedy ?? "", new RegExp(`^grant select, insert, .* to "${role}";$`));
    assertMatch(unwell[1]?.remedy ?? "", new RegExp(`^grant perdura_tenant, .* to "${role}";$`));
    assertStringIncludes(unwell[2]?.message ?? "", "step has no partition for tomorrow");
  } finally {
    await db.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
  }
});

/** As partitions are named. */
function tomorrow(): string {
  return new Date(Date.now() + 86_400_000).toISOString().slice(0, 10).replaceAll("-", "");
}

Deno.test("doctor takes a machine that stands still for no clock that is wrong", async () => {
  await using db = await testDatabase();
  const settings = readSettings({});
  const clock = schemaChecks.find(({ name }) => name === "clock");
  const sql = new Proxy(db.sql, {
    apply: async (...call) => {
      const rows = await Reflect.apply(...call);
      standStill(5_000);
      return rows;
    },
  });
  assertEquals(await clock?.look({ sql, settings }), []);
});

Deno.test("doctor names whoever keeps a transaction open", async () => {
  await using db = await testDatabase();
  const { promise, resolve } = Promise.withResolvers<void>();
  const { promise: opened, resolve: onOpen } = Promise.withResolvers<number>();
  const held = db.sql.begin(async (sql) => {
    const [row] = await sql`select pg_backend_pid() as pid`;
    onOpen(Number(row?.pid));
    await promise;
  });
  const pid = await opened;
  const look = (longS: number, tooLongS: number) =>
    openTransactions(longS, tooLongS).look({ sql: db.sql, settings: readSettings({}) });
  for (const [tooLongS, level] of [[3_600, "warning"], [0, "problem"]] as const) {
    const [found] = (await look(0, tooLongS)).filter(({ message }) => message.includes(`${pid}`));
    assertEquals(found?.level, level);
    assertStringIncludes(found?.remedy ?? "", `pg_terminate_backend(${pid})`);
  }
  assertEquals(await look(300, 3_600), []);
  resolve();
  await held;
});

Deno.test("doctor finds a synchronous standby that is asked for and is not there", async () => {
  const dir = await Deno.makeTempDir({ prefix: "perdura-doctor-" });
  await Deno.chmod(dir, 0o755);
  const server = await attachEmbedded({ dir, durable: false, onProgress: () => {} });
  try {
    await migrate({ url: server.url });
    const sql = postgres(server.url, { max: 1, onnotice: () => {} });
    await sql`alter system set synchronous_standby_names = 'berlin'`;
    await sql`select pg_reload_conf()`;
    await eventually("it is asked for", async () => {
      const [row] = await sql`show synchronous_standby_names`;
      return row?.synchronous_standby_names === "berlin";
    });
    const { code, all } = await examine(server.url);
    const found = all.filter(({ message }) => message.includes("standby is asked for"));
    assertEquals([code, found.length, found[0]?.level], [1, 1, "problem"]);
    assertStringIncludes(found[0]?.remedy ?? "", "alter system reset synchronous_standby_names");
    await sql`alter system reset synchronous_standby_names`;
    await sql.end();
  } finally {
    await server.close();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("doctor says in one line what keeps it from looking, and never shows a password", async () => {
  await using session = await openSession();
  const unreachable = await session.run(["doctor"], {
    DATABASE_URL: "postgres://someone:hunter2@127.0.0.1:1/none",
  });
  assertEquals(unreachable.code, 1);
  assertStringIncludes(unreachable.stdout, "!!  database: ");
  const wrong = await session.run(["doctor"], { WORKER_POLL_MS: "soon", DATABASE_URL: "hunter2" });
  assertEquals(wrong.code, 2);
  assertMatch(wrong.lines.join("\n"), /DATABASE_URL.*\n?.*WORKER_POLL_MS: Must be a whole number/);
  const copy = await session.run(["backup-check", "postgres://u:hunter2@h:port/d"]);
  assertEquals([copy.code, copy.lines.length], [2, 1]);
  for (const text of [unreachable.stdout, ...unreachable.lines, ...wrong.lines, ...copy.lines]) {
    assert(!text.includes("hunter2"), text);
  }
});

Deno.test("backup-check takes a whole copy, and refuses one that misses rows", async () => {
  await using db = await testDatabase();
  await using copy = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const check = () => session.run(["backup-check", copy.url, "--json"]);
  await db.store.insert([{ ...buildJob(), payloadJson: JSON.stringify("x".repeat(200_000)) }]);
  await copy.store.insert([{ ...buildJob(), payloadJson: JSON.stringify("x".repeat(200_000)) }]);
  const whole = await check();
  assertEquals([whole.code, whole.lines], [0, []], whole.stdout);
  await copy.sql`delete from perdura.job_data`;
  await copy.sql`delete from perdura.counter_delta`;
  const torn = findings.parse(JSON.parse((await check()).stdout));
  const bad = torn.filter(({ level }) => level === "problem").map(({ check }) => check);
  assertEquals(bad, ["counters", "payloads"]);
});

Deno.test("top --once prints states by queue, and the oldest due", async () => {
  await using db = await testDatabase();
  await db.store.insert([{ ...buildJob(), queue: "mail" }, buildJob()]);
  const { code, stdout } = await perdura(["top", "--once"], { DATABASE_URL: db.url });
  assertEquals(code, 0);
  const [head = "", , , header = "", ...rows] = stdout.split("\n");
  assertMatch(head, /^perdura {3}leases 0 {3}oldest due \d/);
  assertMatch(header, /^queue +pending +scheduled/);
  assertEquals(rows.filter((row) => /^(mail|default) +1 /.test(row)).length, 2, stdout);
});
