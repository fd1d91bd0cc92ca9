/** What a runtime does before there is one: its options are checked, its database is opened. */
import type postgres from "postgres";
import { Cipher, parseCipherKeys } from "../core/cipher.ts";
import { demandOptions } from "../core/options.ts";
import type { MachineDefinition } from "../core/actor/mod.ts";
import type { JobInsert } from "../core/job.ts";
import type { ScheduleInput } from "../core/schedule.ts";
import type { Handler, Handlers } from "../runtime/handlers.ts";
import type { MachineEntry } from "../runtime/machines.ts";
import { during } from "../runtime/starting.ts";
import { migrate, type MigrateOptions } from "../store/migrate.ts";
import { migrationWaits } from "../store/migration_waits.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { addressOf, isAddress } from "./address.ts";
import { runtimeSchema } from "./options.ts";
import type { RuntimeSettings } from "./settings.ts";

/** What wraps the parts of a runtime so that they are traced. */
export interface RuntimeTracing {
  enqueued(row: JobInsert, isAlone: boolean): JobInsert;
  handlers(handlers: Handlers): Handlers;
  store(store: Store): Store;
}

/** What `createRuntime` takes. */
export interface RuntimeOptions<H extends Handler> extends Partial<RuntimeSettings> {
  /** Where the database is; or `sql`. */
  readonly databaseUrl?: string;
  /** A postgres.js client that knows where: its address is taken, its connections are not used. */
  readonly sql?: postgres.Sql;
  readonly handlers?: readonly H[];
  /** Statecharts whose actors live here: several versions of one, the newest last. */
  readonly machines?: readonly (MachineDefinition | MachineEntry)[];
  /** Encrypt payloads and outputs: `id:base64` of 32 bytes each, by commas; the first encrypts. */
  readonly payloadKeys?: string;
  /**
   * Schedules by id, put at the start where they differ from what is there. An operator's pause stays;
   * schedules that were made elsewhere stay, too.
   */
  readonly schedules?: Readonly<Record<string, ScheduleInput>>;
  /** Shown in `pg_stat_activity`. Default `perdura`. */
  readonly name?: string;
  /** A pooler in transaction mode stands between: PgBouncer, and those like it. */
  readonly isPooled?: boolean;
  /** An address past the pooler, for hints and migrations. Without it workers poll. */
  readonly listenUrl?: string;
  /** Connections of the pool, from 1. Default 8; one more is for hints. */
  readonly connections?: number;
  /**
   * Longest that one call to the database may take, in milliseconds. Default 15,000. PostgreSQL itself
   * gives a statement up after two thirds of it, and to wait for a lock after one.
   */
  readonly deadlineMs?: number;
  /** Traces everything: `new Tracing()` of `perdura/telemetry`. */
  readonly tracing?: RuntimeTracing;
  /** Bring the schema up to date at the start. Default true. */
  readonly migrate?: boolean;
}

const NO_ADDRESS = "databaseUrl must be a postgres:// address, percent-encoded";

/** Others may be at it, or hold what it needs: then it is said. */
function bringUpToDate(place: MigrateOptions): Promise<unknown> {
  return during("migrate", () => migrate(place), () => migrationWaits(place));
}

/** The store of a runtime, its schema up to date. @throws As `createRuntime` does. */
export async function openDatabase(options: RuntimeOptions<Handler>): Promise<Store> {
  demandOptions(runtimeSchema, options, "options");
  const url = options.databaseUrl ?? (options.sql && addressOf(options.sql));
  if (url === undefined) throw new TypeError("createRuntime needs databaseUrl or sql");
  for (const given of [options.databaseUrl, options.listenUrl]) {
    if (given !== undefined && !isAddress(given)) throw new TypeError(NO_ADDRESS);
  }
  const { name = "perdura", isPooled = false, listenUrl, payloadKeys } = options;
  const cipher = payloadKeys === undefined ? null : new Cipher(parseCipherKeys(payloadKeys));
  if (options.migrate !== false) await bringUpToDate({ url: listenUrl ?? url, isPooled });
  const place = {
    ...{ url, name, isPooled, ...boundsOf(options) },
    ...(listenUrl ? { listenUrl } : {}),
  };
  return openStore(place, cipher);
}

/** The server's timeouts come before the client's: it ends a statement cleanly, a cut connection does not. */
function boundsOf(
  { connections, deadlineMs }: Pick<RuntimeOptions<Handler>, "connections" | "deadlineMs">,
) {
  return {
    ...(connections === undefined ? {} : { connections }),
    ...(deadlineMs === undefined ? {} : {
      deadlineMs,
      statementTimeoutMs: Math.ceil(deadlineMs * 2 / 3),
      lockTimeoutMs: Math.ceil(deadlineMs / 3),
    }),
  };
}
