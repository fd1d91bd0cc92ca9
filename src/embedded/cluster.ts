/**
 * The database files: made once by initdb.
 *
 * Everything happens in a folder of another name, which becomes `data` by one rename at the very
 * end, database and search path included. So `data` is either absent or complete.
 */

import { join } from "node:path";
import { EmbeddedError } from "./errors.ts";
import { exists, readText, removeLeftovers, syncFolder } from "./files.ts";
import type { Home } from "./home.ts";
import { BINARIES_VERSION } from "./limits.ts";
import { programPath, runProgram } from "./programs.ts";

export interface ClusterOptions {
  readonly password: string;
  readonly durable: boolean;
}

const MAJOR = BINARIES_VERSION.split(".", 1)[0];

/**
 * One statement a line: the single-user server takes a line end for the end of a statement.
 *
 * No `"$user"`: the login is named as our schema is, and tables of users belong in `public`.
 */
const FIRST_STATEMENTS = [
  "create database perdura",
  "alter database perdura set search_path = public, perdura",
  "",
].join("\n");

/**
 * True if there is a database that these binaries can run.
 *
 * @throws {EmbeddedError} If one of another major version stands there.
 */
export async function hasCluster(home: Home): Promise<boolean> {
  const major = (await readText(join(home.dataDir, "PG_VERSION")))?.trim();
  if (major === undefined) return false;
  if (major === MAJOR) return true;
  throw new EmbeddedError(
    `Cannot use the database in "${home.dataDir}": it is of PostgreSQL ${major}, and this ` +
      `Perdura runs ${MAJOR}; move the folder away or set DATABASE_URL`,
  );
}

/** Makes the database files. Call it under the start lock, when `hasCluster()` is false. */
export async function createCluster(home: Home, options: ClusterOptions): Promise<void> {
  await removeLeftovers(home.dir, (name) => name.startsWith("init-"));
  if (await exists(home.dataDir)) await refuseUnlessEmpty(home.dataDir);
  const workshop = join(home.dir, `init-${crypto.randomUUID()}`);
  try {
    const passwordFile = await openWorkshop(home, workshop, options.password);
    const fresh = join(workshop, "data");
    await runProgram(home, [programPath(home, "initdb"), ...initdbArgs(fresh, passwordFile)]);
    await Deno.remove(passwordFile);
    await runProgram(home, [programPath(home, "postgres"), ...singleArgs(fresh)], FIRST_STATEMENTS);
    // One pass over the finished files is cheaper than syncing after each of the two steps.
    if (options.durable) {
      await runProgram(home, [programPath(home, "initdb"), "--sync-only", "-D", fresh]);
    }
    await Deno.rename(fresh, home.dataDir);
    await syncFolder(home.dir);
  } finally {
    await Deno.remove(workshop, { recursive: true }).catch(() => {});
  }
}

async function refuseUnlessEmpty(folder: string): Promise<void> {
  for await (const _ of Deno.readDir(folder)) {
    throw new EmbeddedError(
      `Cannot make a database in "${folder}": the folder holds something else; move it away`,
    );
  }
}

/** Filled before it is handed over, so its new owner never sees us write into it. */
async function openWorkshop(home: Home, workshop: string, password: string): Promise<string> {
  await Deno.mkdir(workshop, { mode: 0o700 });
  const passwordFile = join(workshop, "password");
  await Deno.writeTextFile(passwordFile, password, { mode: 0o600, createNew: true });
  if (home.account) {
    await Deno.chown(passwordFile, home.account.uid, home.account.gid);
    await Deno.chown(workshop, home.account.uid, home.account.gid);
  }
  return passwordFile;
}

/**
 * The builtin C.UTF-8 sorts by code point, as fast as C, yet knows upper and lower case of every
 * script; and it is the same on every machine, whatever the operating system's locales do.
 */
function initdbArgs(fresh: string, passwordFile: string): string[] {
  return [
    ...["-D", fresh, "-U", "perdura", "-A", "scram-sha-256", `--pwfile=${passwordFile}`],
    ...["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
    ...["--data-checksums", "--no-sync", "--no-instructions"],
  ];
}

/** Without exit_on_error a failed statement would still end in exit status 0. */
function singleArgs(fresh: string): string[] {
  const settings = ["exit_on_error=on", "fsync=off", "log_checkpoints=off"];
  return ["--single", "-D", fresh, ...settings.flatMap((s) => ["-c", s]), "template1"];
}
