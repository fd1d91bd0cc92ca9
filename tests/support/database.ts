/**
 * A real database for each test file: copied from a template that was migrated once.
 *
 * The server is TEST_DATABASE_URL's (the test command starts one without fsync).
 */
import postgres from "postgres";
import { migrate, migrations } from "../../src/store/migrate.ts";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { hash64 } from "../../src/core/hash.ts";
import { FAST_TABLESPACE } from "../../tools/fast_storage.ts";

/** A server that stands still for a while, as on a machine with too much to do, has not failed. */
const PATIENCE = { lockTimeoutMs: 60_000, statementTimeoutMs: 60_000, deadlineMs: 90_000 };

/** A database of one test file. `await using` drops it. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  /** The bare driver, to look and to meddle. */
  readonly sql: postgres.Sql;
  readonly store: Store;
}

/** One connection of a file for all it makes and drops, made when first asked for: connecting is dear. */
let admin: postgres.Sql | undefined;
let template: Promise<string> | undefined;

/** Makes a database. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = serverUrl();
  const name = `perdura_test_${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
  template ??= makeTemplate(asAdmin(), server);
  await asAdmin().unsafe(`create database ${name} template ${await template} strategy file_copy`);
  const url = withDatabase(server, name);
  const sql = postgres(url, { max: 4, onnotice: () => {} });
  const store = openStore({ url, name: "perdura test", ...PATIENCE });
  return {
    url,
    sql,
    store,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await sql.end({ timeout: 1 });
      await dropDatabase(name);
    },
  };
}

/** The server that the test command started. */
export function serverUrl(): string {
  const url = Deno.env.get("TEST_DATABASE_URL");
  if (!url) throw new Error("TEST_DATABASE_URL is not set: run the tests by `deno task test`");
  return url;
}

/** An empty database, without a schema. */
export async function emptyDatabase(): Promise<{ url: string } & AsyncDisposable> {
  const server = serverUrl();
  const name = `perdura_empty_${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
  await asAdmin().unsafe(`create database ${name} ${await storage(asAdmin())}`);
  return {
    url: withDatabase(server, name),
    [Symbol.asyncDispose]: () => dropDatabase(name),
  };
}

function asAdmin(): postgres.Sql {
  admin ??= postgres(serverUrl(), { max: 1, onnotice: () => {} });
  return admin;
}

/** Test files run side by side: the first makes the template, the others wait for it. */
async function makeTemplate(admin: postgres.Sql, server: string): Promise<string> {
  const checksum = hash64(migrations.map((m) => m.text).join()).replace("-", "m");
  const name = `perdura_template_${checksum}`;
  const key = 7_355_608;
  await admin`select pg_advisory_lock(${key})`;
  try {
    const [known] = await admin`select 1 from pg_database where datname = ${name}`;
    if (!known) {
      await admin.unsafe(`create database ${name}_new ${await storage(admin)}`);
      await migrate({ url: withDatabase(server, `${name}_new`), debug: true });
      await admin.unsafe(`alter database ${name}_new rename to ${name}`);
    }
  } finally {
    await admin`select pg_advisory_unlock(${key})`;
  }
  return name;
}

/** In memory, where the test command has made room; the copies of a template follow it. */
async function storage(admin: postgres.Sql): Promise<string> {
  const [fast] = await admin`select 1 from pg_tablespace where spcname = ${FAST_TABLESPACE}`;
  return fast ? `tablespace ${FAST_TABLESPACE} strategy file_copy` : "";
}

async function dropDatabase(name: string): Promise<void> {
  await asAdmin().unsafe(`drop database if exists ${name} with (force)`);
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
