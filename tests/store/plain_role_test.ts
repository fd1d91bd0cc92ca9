/** A role that may use the tables and change none: docs/security.md says what it needs. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { UnavailableError } from "../../src/core/errors.ts";
import { migrate, migrations } from "../../src/store/migrate.ts";
import { openStore } from "../../src/store/open.ts";
import { BlindLoginError } from "../../src/store/blind_login.ts";
import { perduraEach } from "../cli/command.ts";
import { buildJob, changeFor, claimAll } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";

/** Such a role of a database that somebody else has migrated. */
async function plainRole(grants = "perdura_tenant, perdura_sender, perdura_runner") {
  const db = await testDatabase();
  const name = `plain_${crypto.randomUUID().slice(0, 8)}`;
  await db.sql.unsafe(`
    create role ${name} login password 'plain';
    grant usage on schema perdura to ${name};
    grant select, insert, update, delete on all tables in schema perdura to ${name};
    grant ${grants} to ${name}`);
  const url = new URL(db.url);
  [url.username, url.password] = [name, "plain"];
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      await db.sql.unsafe(`drop owned by ${name}; drop role ${name}`);
      await db[Symbol.asyncDispose]();
    },
  };
}

Deno.test("who may not change the schema starts where there is nothing to change, and works", async () => {
  await using role = await plainRole();
  assertEquals(await migrate({ url: role.url, debug: true }), { pending: [] });
  const store = openStore({ url: role.url });
  try {
    const job = buildJob();
    await store.insert([job]);
    const [claimed] = await claimAll(store, 10);
    assertEquals(claimed?.id, job.id);
    assertEquals(await store.commit(null, [changeFor(claimed!, { type: "SUCCEED" })]), []);
    await store.maintain();
  } finally {
    await store.close();
  }
});

Deno.test("who may not change the schema does not start where it is behind", async () => {
  await using role = await plainRole();
  const next = { id: 9_999, name: "9999_next", text: "create table perdura.x ()" };
  const start = () => migrate({ url: role.url, migrations: [...migrations, next] });
  await assertRejects(start, UnavailableError, "permission denied");
  const sql = postgres(role.url, { max: 1 });
  assertEquals((await sql`select from perdura.migration where id = 9999`).length, 0);
  await sql.end();
});

Deno.test("who would see no rows is told which roles it needs, and does not start", async () => {
  await using role = await plainRole("perdura_tenant");
  const login = new URL(role.url).username;
  const told =
    `The role ${login} sees no rows: grant perdura_tenant, perdura_sender, perdura_runner`;
  await assertRejects(() => migrate({ url: role.url }), BlindLoginError, told);
  const [jobs, doctor] = await perduraEach([["jobs"], ["doctor"]], { DATABASE_URL: role.url });
  assertEquals([jobs?.code, jobs?.lines.length], [1, 1]);
  assertStringIncludes(jobs?.lines[0] ?? "", told);
  assertStringIncludes(doctor?.stdout ?? "", `"${login}" sees no rows`);
});
