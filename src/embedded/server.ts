/**
 * The embedded PostgreSQL: what runs when no DATABASE_URL is set.
 *
 * Any number of processes attach to one state folder. The first starts the server, the others join
 * it, the last one to leave cleanly stops it. It outlives kill -9 of them all and is adopted by the
 * next; and if it is itself killed, whoever is attached brings it back on the same address.
 */

import { chooseFreePort, createPassword, readAddress, recordAddress, urlOf } from "./address.ts";
import type { Address } from "./address.ts";
import { ensureBinaries } from "./binaries.ts";
import { createCluster, hasCluster } from "./cluster.ts";
import { EmbeddedError, messageOf } from "./errors.ts";
import { type Home, openHome } from "./home.ts";
import { awaitSettled, launch, stopServer } from "./launch.ts";
import { LIMITS, POSTGRES_VERSION } from "./limits.ts";
import { isUnused, joinUsers, type UserHold, withStartLock } from "./lock.ts";
import { findPostmaster } from "./postmaster.ts";
import { wasDurable } from "./settings.ts";
import { watchServer } from "./watch.ts";

export interface EmbeddedOptions {
  /** State directory (PERDURA_STATE_DIR). Made when missing. */
  readonly dir: string;
  /** false only for tests: fsync, synchronous_commit, full_page_writes off. Default true. */
  readonly durable?: boolean;
  /** Called with short progress lines: "Initialising the database …". */
  readonly onProgress?: (line: string) => void;
}

export interface EmbeddedServer {
  /** `postgres://perdura:<password>@127.0.0.1:<port>/perdura` */
  readonly url: string;
  readonly dataDir: string;
  /** A running server was found and joined. */
  readonly adopted: boolean;
  /** Leaves the server; the last clean leaver stops it and waits until it is gone. */
  close(): Promise<void>;
}

/** What the steps below need to know. */
interface Context {
  readonly home: Home;
  readonly durable: boolean;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Joined {
  readonly address: Address;
  readonly adopted: boolean;
}

/**
 * Attaches this process to the embedded server of a state folder, starting it if need be.
 *
 * Keep the result for as long as the database is used, and close pools before closing it. The url
 * stays the same for the life of the database, unless another program takes its port while the
 * server is down; then `url` changes, here and in the file `database-url`.
 *
 * @throws {EmbeddedError} One line that says what to do.
 */
export async function attachEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const context: Context = {
    home: await openHome(options.dir),
    durable: options.durable ?? true,
    onProgress: options.onProgress ?? (() => {}),
    signal: new AbortController().signal,
  };
  const { hold, joined } = await underStartLock(context, () => joinServer(context));
  return serverOf(context, hold, joined);
}

/** The shared lock first: from here on no leaver can think the server unused. */
async function joinServer(context: Context): Promise<{ hold: UserHold; joined: Joined }> {
  const hold = await joinUsers(context.home.dir);
  try {
    const joined = await adoptRunning(context) ?? await startServer(context);
    return { hold, joined };
  } catch (error) {
    hold.release();
    throw error;
  }
}

async function adoptRunning(context: Context): Promise<Joined | undefined> {
  const { home } = context;
  const running = await awaitSettled(home, context);
  if (!running) return undefined;
  const known = await readAddress(home);
  if (!known) throw passwordLost(home);
  const address = { ...known, port: running.port };
  await recordAddress(home, address);
  return { address, adopted: true };
}

async function startServer(context: Context): Promise<Joined> {
  const { home, durable, onProgress, signal } = context;
  const isNew = !await hasCluster(home);
  const known = await readAddress(home);
  if (!isNew && !known) throw passwordLost(home);
  const address = known ?? { password: createPassword(), port: chooseFreePort() };
  await ensureBinaries(home, () => onProgress(`Unpacking PostgreSQL ${POSTGRES_VERSION} …`));
  if (isNew) {
    onProgress(`Initialising the database in ${home.dataDir} …`);
    // Written down first: a database whose password was lost to a kill -9 would be of no use.
    await recordAddress(home, address);
    await createCluster(home, { password: address.password, durable });
  }
  return { address: await launch(home, { address, durable, onProgress, signal }), adopted: false };
}

function serverOf(context: Context, hold: UserHold, joined: Joined): EmbeddedServer {
  const { home, onProgress } = context;
  let address = joined.address;
  const stopWatching = watchServer({
    isUp: async () => await findPostmaster(home) !== undefined,
    heal: async (signal) => {
      address = await healServer({ ...context, signal });
    },
    onFailure: (error) => onProgress(`Cannot restart PostgreSQL: ${messageOf(error)}`),
  });
  let closing: Promise<void> | undefined;
  return {
    get url() {
      return urlOf(address);
    },
    dataDir: home.dataDir,
    adopted: joined.adopted,
    close: () => closing ??= stopWatching().then(() => leave(home, hold)),
  };
}

/** Every attached process notices; the first to get the lock restarts, the others find it running. */
async function healServer(context: Context): Promise<Address> {
  const { home, onProgress } = context;
  const { address } = await underStartLock(context, async () => {
    const running = await adoptRunning(context);
    if (running) return running;
    // Deleted under our feet: starting over with an empty database is not for us to decide.
    if (!await hasCluster(home)) {
      throw new EmbeddedError(`The database folder "${home.dataDir}" is gone`);
    }
    onProgress("PostgreSQL is gone; restarting it …");
    // As it was: a test that joined a durable server must not bring it back as another one.
    return await startServer({ ...context, durable: await wasDurable(home) });
  });
  return address;
}

/**
 * Under the start lock nobody can join between the look at the other users and the stop. Without
 * it, when somebody is starting the server at length, there is no need to stop anything: the
 * starter is a user.
 */
async function leave(home: Home, hold: UserHold): Promise<void> {
  let isReleased = false;
  const release = () => {
    if (!isReleased) hold.release();
    isReleased = true;
  };
  try {
    await withStartLock(home.dir, { timeoutMs: LIMITS.leaveLockMs }, async () => {
      release();
      if (await isUnused(home.dir)) await stopServer(home);
    });
  } finally {
    release();
  }
}

async function underStartLock<T>(context: Context, work: () => Promise<T>): Promise<T> {
  const { home, signal, onProgress } = context;
  const onSlow = () => onProgress("Waiting for another process that is starting PostgreSQL …");
  const done = await withStartLock(
    home.dir,
    { timeoutMs: LIMITS.startLockMs, signal, onSlow },
    async () => ({ value: await work() }),
  );
  if (done) return done.value;
  throw new EmbeddedError(
    `Cannot start PostgreSQL: another process has held "${home.dir}/start.lock" for ` +
      `${LIMITS.startLockMs / 60_000} minutes`,
  );
}

function passwordLost(home: Home): EmbeddedError {
  return new EmbeddedError(
    `Cannot use the database in "${home.dataDir}": its password, kept in ` +
      `"${home.dir}/database-url", is lost; restore that file, or move the data folder away`,
  );
}
