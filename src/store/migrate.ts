/**
 * The schema, brought up to date: forward-only, checksummed, under a lock, all or nothing.
 *
 * Runs at every start. Each migration happens once; a changed text of an applied one stops the
 * start, because then nobody knows what the database looks like.
 */
import postgres from "postgres";
import { JOB_EVENTS, JOB_STATES } from "../../machines/job.ts";
import * as sql from "../../sql/mod.ts";
import { systemClock } from "../core/clock.ts";
import { hashOf } from "../core/key.ts";
import { clientFor } from "./address.ts";
import { Database } from "./database.ts";
import { isContention, isLockTimeout, toStoreError } from "./failures.ts";
import { column } from "./literal.ts";
import { addPartitions } from "./maintenance.ts";
import { MigrationError } from "./migration_error.ts";
import { blindLogin, BlindLoginError } from "./blind_login.ts";
import { ownTables } from "./own_tables.ts";
import { field } from "./rows.ts";

/** One step of the schema. */
export interface Migration {
  readonly id: number;
  readonly name: string;
  readonly text: string;
}

/** All migrations, in order. */
export const migrations: readonly Migration[] = [
  { id: 1, name: "0001_jobs", text: sql.migration0001 },
  { id: 2, name: "0002_plain_history", text: sql.migration0002 },
  { id: 3, name: "0003_cancel_reason", text: sql.migration0003 },
  { id: 4, name: "0004_keys", text: sql.migration0004 },
  { id: 5, name: "0005_inbox", text: sql.migration0005 },
  { id: 6, name: "0006_plain_json", text: sql.migration0006 },
  { id: 7, name: "0007_limits", text: sql.migration0007 },
  { id: 8, name: "0008_actors", text: sql.migration0008 },
  { id: 9, name: "0009_files", text: sql.migration0009 },
  { id: 10, name: "0010_access", text: sql.migration0010 },
  { id: 11, name: "0011_gates", text: sql.migration0011 },
  { id: 12, name: "0012_actor_calls", text: sql.migration0012 },
  { id: 13, name: "0013_schedules", text: sql.migration0013 },
  { id: 14, name: "0014_operations", text: sql.migration0014 },
  { id: 15, name: "0015_ui", text: sql.migration0015 },
  { id: 17, name: "0017_members", text: sql.migration0017 },
  { id: 18, name: "0018_flow", text: sql.migration0018 },
  { id: 21, name: "0021_resting", text: sql.migration0021 },
  { id: 22, name: "0022_one_key_in_sql", text: sql.migration0022 },
  { id: 25, name: "0025_slots_by_lease", text: sql.migration0025 },
  { id: 26, name: "0026_claim_in_parts", text: sql.migration0026 },
  { id: 27, name: "0027_tenants_read_once", text: sql.migration0027 },
  { id: 28, name: "0028_claim_next", text: sql.migration0028 },
  { id: 29, name: "0029_keys_of_live_jobs", text: sql.migration0029 },
  { id: 30, name: "0030_charts_of_workers", text: sql.migration0030 },
  { id: 31, name: "0031_claims_by_place", text: sql.migration0031 },
  { id: 32, name: "0032_options_of_starts", text: sql.migration0032 },
  { id: 33, name: "0033_living_children", text: sql.migration0033 },
];

/** What a migration run did, or would do. */
export interface MigrationReport {
  /** In order; empty when the database was up to date. */
  readonly pending: readonly Migration[];
  /** Of a plan with nothing pending: the login, where it would see no rows. */
  readonly blindLogin?: string;
}

/** How to migrate. */
export interface MigrateOptions {
  readonly url: string;
  /** A pooler in transaction mode stands between. */
  readonly isPooled?: boolean;
  /** Only say what is pending. */
  readonly plan?: boolean;
  /** Also make the table of the `debug.effect` handler. */
  readonly debug?: boolean;
  /** Only for tests. */
  readonly migrations?: readonly Migration[];
}

const TABLE = `
  create schema if not exists perdura;
  create table if not exists perdura.migration (
    id integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now())`;

/**
 * Applies what is pending, in one transaction, while others wait.
 *
 * @throws {MigrationError} An applied migration has another text here.
 * @throws {BlindLoginError} The role would see no rows.
 * @throws {UnavailableError} The database cannot be reached.
 */
export async function migrate(options: MigrateOptions): Promise<MigrationReport> {
  const client = clientFor(options.url, {
    max: 1,
    connect_timeout: 10,
    fetch_types: false,
    onnotice: () => {},
    // Nothing here depends on the session: it may be a pooler's.
    prepare: false,
    connection: { application_name: "perdura migrate", TimeZone: "UTC" },
  });
  try {
    const known = options.migrations ?? migrations;
    const pending = await pendingOf(client, known);
    if (options.plan && pending.length > 0) return { pending };
    const isLeft = options.plan || pending.length === 0 && await isOfOthers(client);
    const report = isLeft ? { pending } : await bringUpToDate(client, options);
    // Afterwards: a login that may grant itself the roles has them by now.
    const blind = await blindLogin(client);
    if (blind === null) return report;
    if (options.plan) return { pending, blindLogin: blind };
    throw new BlindLoginError(blind);
  } catch (error) {
    throw error instanceof MigrationError ? error : toStoreError(error);
  } finally {
    await client.end({ timeout: 5 });
  }
}

async function bringUpToDate(
  client: postgres.Sql,
  options: MigrateOptions,
): Promise<MigrationReport> {
  await createMigrationTable(client);
  const report = await applyPending(client, options);
  const { url, isPooled = false } = options;
  const database = new Database({ url, isPooled, connections: 1 });
  await addPartitions(database).finally(() => database.close());
  return report;
}

/**
 * Whether an up-to-date schema is another role's: there is nothing that this one could do. Even to say `create … if
 * not exists` of what exists takes the right to create it.
 */
async function isOfOthers(client: postgres.Sql): Promise<boolean> {
  const [owner] = await client`
    select pg_has_role(relowner, 'usage') as is_ours from pg_class
     where oid = to_regclass('perdura.migration')`;
  return owner !== undefined && !field<boolean>(owner, "is_ours");
}

/** `create … if not exists` still races with itself: the loser is told that it exists, and goes on. */
async function createMigrationTable(client: postgres.Sql): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      await client.unsafe(TABLE);
      return;
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

const TRIES = 10;
/**
 * Everybody who works waits behind whoever waits for all of a table. Where somebody reads it for long, a backup
 * say, that may not last: leases run out, and jobs start again.
 */
const LOCK_TRY = "3s";
/** Between two tries those who waited go on. */
const LOCK_PAUSE_MS = 1_000;
/** For as long it is tried. */
const LOCKS_MS_MAX = 60_000;

/**
 * A migration locks table after table, and those who work lock theirs in other orders: PostgreSQL ends one
 * of two that wait for each other. When it is the migration, nothing has happened, and it begins again. So it
 * does where a table cannot be had at once: what it has by then it lets go.
 */
async function applyPending(
  client: postgres.Sql,
  options: MigrateOptions,
): Promise<MigrationReport> {
  const since = systemClock.monotonic();
  for (let contended = 0;;) {
    try {
      return await applyAll(client, options);
    } catch (error) {
      const isLocked = isLockTimeout(error) && systemClock.monotonic() - since < LOCKS_MS_MAX;
      if (isLocked) await new Promise((done) => setTimeout(done, LOCK_PAUSE_MS));
      else if (!isContention(error) || ++contended === TRIES) throw error;
    }
  }
}

async function applyAll(client: postgres.Sql, options: MigrateOptions): Promise<MigrationReport> {
  return await client.begin(async (tx) => {
    // What the role has for its statements is not for these: to take all locks and to build an index may take longer.
    await tx.unsafe("set local lock_timeout = '60s'; set local statement_timeout = 0");
    await tx.unsafe("lock table perdura.migration in share row exclusive mode");
    const known = options.migrations ?? migrations;
    const pending = await pendingOf(tx, known);
    await tx`select set_config('perdura.own_tables', ${ownTables(known)}, true)`;
    if (pending.length > 0) {
      await tx.unsafe(`set local lock_timeout = '${LOCK_TRY}'`);
      await tx.unsafe(sql.lockAll);
      await tx.unsafe("set local lock_timeout = '60s'");
    }
    for (const migration of pending) {
      await tx.unsafe(migration.text);
      await tx`
        insert into perdura.migration (id, name, checksum)
        values (${migration.id}, ${migration.name}, ${await hashOf(migration.text)})`;
    }
    await tx.unsafe(sql.nameCodes, [column(JOB_STATES, String), column(JOB_EVENTS, String)]);
    await tx.unsafe(sql.wall);
    if (options.debug) await tx.unsafe(sql.debugEffect);
    return { pending };
  });
}

async function pendingOf(
  client: postgres.Sql | postgres.TransactionSql,
  known: readonly Migration[],
): Promise<Migration[]> {
  const [table] = await client`select to_regclass('perdura.migration') is not null as is_there`;
  if (!field<boolean>(table, "is_there")) return [...known];
  const rows = await client.unsafe(sql.appliedMigrations);
  const applied = new Map(
    rows.map((row) => [field<number>(row, "id"), field<string>(row, "checksum")]),
  );
  for (const migration of known) {
    const checksum = applied.get(migration.id);
    if (checksum !== undefined && checksum !== await hashOf(migration.text)) {
      throw new MigrationError(
        `Migration ${migration.name} was applied with another text; restore the released one`,
      );
    }
  }
  return known.filter((migration) => !applied.has(migration.id));
}
