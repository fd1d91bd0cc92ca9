/**
 * Where the embedded server lives and as whom it runs.
 *
 * PostgreSQL refuses to run as root, so root runs it as `nobody`, who must be able to reach its
 * files. A state folder below a closed one (a clone in /root, say) cannot be used for that: then
 * data and binaries live in /var/tmp, under a name made from the path of the state folder.
 */

import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { EmbeddedError, messageOf } from "./errors.ts";
import { exists, readText } from "./files.ts";
import { BINARIES_VERSION } from "./limits.ts";

/** The user that PostgreSQL runs as, when that is not ourselves. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The folders of one embedded server. */
export interface Home {
  /** The state folder as the caller knows it; database-url stands here. */
  readonly stateDir: string;
  /** Locks, binaries, log and data; equal to `stateDir` unless root cannot use that. */
  readonly dir: string;
  readonly dataDir: string;
  readonly logDir: string;
  readonly binariesDir: string;
  readonly account: Account | undefined;
}

/**
 * Makes the state folder if need be and settles where the server lives.
 *
 * @throws {EmbeddedError} No user `nobody`, or the folders cannot be made or trusted.
 */
export async function openHome(stateDirGiven: string): Promise<Home> {
  const stateDir = await makeStateDir(stateDirGiven);
  const account = Deno.uid() === 0 ? await findNobody() : undefined;
  const dir = account ? await chooseRootHome(stateDir) : stateDir;
  return {
    stateDir,
    dir,
    dataDir: join(dir, "data"),
    logDir: join(dir, "log"),
    binariesDir: join(dir, `pg-${BINARIES_VERSION}`),
    account,
  };
}

async function makeStateDir(given: string): Promise<string> {
  try {
    const isNew = !await exists(given);
    await Deno.mkdir(given, { recursive: true });
    // Against a strict umask of root. Everything secret below has its own, tighter mode.
    if (isNew && Deno.uid() === 0) await Deno.chmod(given, 0o755);
    // One name for one folder, however it was reached: the /var/tmp name is made from it.
    return await Deno.realPath(given);
  } catch (error) {
    throw new EmbeddedError(
      `Cannot make the state folder "${given}": ${messageOf(error)}; set PERDURA_STATE_DIR or ` +
        `DATABASE_URL`,
      { cause: error },
    );
  }
}

async function findNobody(): Promise<Account> {
  const lines = (await readText("/etc/passwd") ?? "").split("\n");
  const fields = lines.map((line) => line.split(":")).find(([name]) => name === "nobody");
  if (!fields) {
    throw new EmbeddedError(
      `Cannot run PostgreSQL as root, and there is no user "nobody" to run it as: use another ` +
        `user or set DATABASE_URL`,
    );
  }
  // macOS writes -2, meaning the unsigned 4294967294.
  return { uid: Number(fields[2]) >>> 0, gid: Number(fields[3]) >>> 0 };
}

/** A database that exists decides, so that a changed folder mode never shows an empty one. */
async function chooseRootHome(stateDir: string): Promise<string> {
  const isReachable = await isReachableByOthers(stateDir);
  if (await exists(join(stateDir, "data"))) {
    if (isReachable) return stateDir;
    throw new EmbeddedError(
      `Cannot use the database in "${stateDir}" as root: user "nobody" no longer reaches it; ` +
        `allow others to enter (chmod o+x) that folder and those above it`,
    );
  }
  const hash = createHash("sha256").update(stateDir).digest("hex").slice(0, 16);
  const away = `/var/tmp/perdura-${hash}`;
  if (isReachable && !await exists(join(away, "data"))) return stateDir;
  await makePrivateHome(away);
  return away;
}

async function isReachableByOthers(path: string): Promise<boolean> {
  for (let folder = path;; folder = dirname(folder)) {
    const { mode } = await Deno.stat(folder);
    if (((mode ?? 0o777) & 0o001) === 0) return false;
    if (dirname(folder) === folder) return true;
  }
}

/** Anybody may create names in /var/tmp, so what stands there is used only if root made it. */
async function makePrivateHome(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: 0o755 });
  const found = await Deno.lstat(path);
  const isOurs = found.isDirectory && found.uid === 0 && ((found.mode ?? 0) & 0o022) === 0;
  if (!isOurs) {
    throw new EmbeddedError(
      `Cannot use "${path}" for the database: it was not made by root; remove it or set ` +
        `PERDURA_STATE_DIR to a folder that others can enter`,
    );
  }
  // Against a strict umask; every time, as a kill -9 may have come between the two.
  await Deno.chmod(path, 0o755);
}
