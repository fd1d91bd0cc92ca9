/** What commands share: the database, the way to stop. */
import { getLogger } from "@logtape/logtape";
import { resolve } from "node:path";
import { UnavailableError, UnknownResultError } from "../core/errors.ts";
import { during } from "../runtime/starting.ts";
import { migrate, type MigrateOptions, migrations } from "../store/migrate.ts";
import { migrationWaits } from "../store/migration_waits.ts";
import { openStore } from "../store/open.ts";
import { BlindLoginError } from "../store/blind_login.ts";
import type { Store } from "../store/store.ts";
import type { Settings } from "./settings.ts";
import { CommandError } from "./errors.ts";
import { tracingOfProcess } from "./telemetry.ts";

const log = getLogger(["perdura"]);

/** How long a start waits for a database that is not up yet. */
const CONNECT_TRIES = 60;
const CONNECT_PAUSE_MS = 500;

/** A database to use, and how to leave it. */
export interface AttachedDatabase {
  readonly url: string;
  close(): Promise<void>;
}

/** The database of the settings, or the embedded server, started or joined. */
export async function attachDatabase(settings: Settings): Promise<AttachedDatabase> {
  if (settings.DATABASE_URL !== null) {
    return { url: settings.DATABASE_URL, close: () => Promise.resolve() };
  }
  const { attachEmbedded } = await import("../embedded/server.ts");
  const dir = resolve(settings.PERDURA_STATE_DIR);
  return await during(
    "database",
    () => attachEmbedded({ dir, onProgress: (line) => log.info(line) }),
  );
}

/** Where to migrate: past the pooler, if there is one and a way. */
export function migrationOf(settings: Settings, url: string): MigrateOptions {
  const { DATABASE_POOLER, DATABASE_DIRECT_URL } = settings;
  if (DATABASE_DIRECT_URL !== null) return { url: DATABASE_DIRECT_URL };
  return { url, isPooled: DATABASE_POOLER === "transaction" };
}

/** A schema is behind this program, and is changed only by who says so. */
class SchemaBehindError extends CommandError {
  override readonly name = "SchemaBehindError";

  constructor(due: number) {
    super(
      `This database is behind this program by ${due} of its migrations: run \`perdura migrate\``,
    );
  }
}

/**
 * A command makes a schema where there is none, and changes none that is there: it may be of a newer program than
 * those that run on it.
 */
async function demandSchema(options: MigrateOptions): Promise<void> {
  const { pending, blindLogin } = await migrate({ ...options, plan: true });
  if (blindLogin !== undefined) throw new BlindLoginError(blindLogin);
  if (pending.length === migrations.length) return await prepareSchema(options, false);
  if (pending.length > 0) throw new SchemaBehindError(pending.length);
}

/** Brings the schema up to date. A service waits for a database that is still starting. */
async function prepareSchema(options: MigrateOptions, isService: boolean): Promise<void> {
  const { pending } = await during(
    "migrate",
    () => isService ? whenAvailable(() => migrate(options)) : migrate(options),
    () => migrationWaits(options),
  );
  for (const { name } of pending) log.info("Migrated to {name}", { name });
}

/**
 * What a start must do before it serves, and may do twice: tried again while the database is down.
 *
 * The database may go away at any moment of a start; one that ended for it would need somebody to
 * start it again.
 */
export async function whenAvailable<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1;; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || tries === CONNECT_TRIES) throw error;
      if (tries === 1) log.warn("Waiting for the database", { reason: error.message });
      await new Promise((done) => setTimeout(done, CONNECT_PAUSE_MS));
    }
  }
}

function isPassing(error: unknown): error is UnavailableError | UnknownResultError {
  return error instanceof UnavailableError || error instanceof UnknownResultError;
}

/** The name of a program in `pg_stat_activity`, and what its schema needs. */
export interface StoreUse {
  readonly name: string;
  readonly debug: boolean;
  /** It waits for a database that is not up yet; a command says so at once and ends. */
  readonly isService?: boolean;
}

/**
 * The first line of a service: whoever sees none knows that the program has not come this far. A
 * command that answers and ends says its answer alone.
 */
export function sayStart(name: string): void {
  log.info("Starting {name}", { name, pid: Deno.pid });
}

/**
 * Runs `work` on a migrated database, and leaves the database however `work` ends. A service migrates it; a
 * command the embedded one alone, or a new one.
 *
 * A start that fails half-way (a port is taken) must not leave an embedded server behind.
 */
export async function withStore<Result>(
  settings: Settings,
  { name, debug, isService = false }: StoreUse,
  work: (store: Store, url: string) => Promise<Result>,
): Promise<Result> {
  const database = await attachDatabase(settings);
  try {
    const schema = { ...migrationOf(settings, database.url), debug };
    const isOwn = isService || settings.DATABASE_URL === null;
    await (isOwn ? prepareSchema(schema, isService) : demandSchema(schema));
    const store = openStore({
      url: database.url,
      name,
      transactionRole: settings.WORKER_TRANSACTION_ROLE,
      ...(settings.DATABASE_POOLER === "transaction"
        ? { isPooled: true, listenUrl: settings.DATABASE_DIRECT_URL }
        : {}),
    }, settings.PERDURA_PAYLOAD_KEYS);
    const used = tracingOfProcess()?.store(store) ?? store;
    return await work(used, database.url).finally(() => store.close());
  } finally {
    await database.close();
  }
}

/** Ctrl-C reaches a process several times: from the terminal, from its parent, from a task runner. */
const SAME_WISH_MS = 1_000;

/**
 * Resolves at the first SIGTERM or SIGINT. A later one, meant as another, ends the process at once;
 * so does `shutdownMs`, whatever still hangs then: what is held expires and is recovered.
 */
export function untilSignal(shutdownMs: number): Promise<void> {
  return new Promise((done) => {
    let firstAt: number | null = null;
    const onSignal = () => {
      if (firstAt === null) {
        firstAt = performance.now();
        Deno.unrefTimer(setTimeout(() => Deno.exit(0), shutdownMs));
      }
      if (performance.now() - firstAt > SAME_WISH_MS) Deno.exit(130);
      done();
    };
    Deno.addSignalListener("SIGTERM", onSignal);
    Deno.addSignalListener("SIGINT", onSignal);
  });
}
