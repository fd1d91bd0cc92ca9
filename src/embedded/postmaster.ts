/**
 * What runs on a data folder, as told by its postmaster.pid.
 *
 * The file alone proves nothing: after kill -9 or a power cut it stays behind, and its process id
 * may by now belong to anybody. So every answer here is checked against the process table.
 */

import { join } from "node:path";
import process from "node:process";
import { readText, writeFileAtomic } from "./files.ts";
import type { Home } from "./home.ts";
import { LIMITS } from "./limits.ts";
import { pollUntil } from "./wait.ts";

/** A live postmaster. */
export interface Postmaster {
  readonly pid: number;
  /** 0 as long as it has not bound one. */
  readonly port: number;
  /** `starting`, `ready`, `stopping`, `standby`, or empty very early. */
  readonly status: string;
}

/** More than any system's largest process id. */
const IMPOSSIBLE_PID = 2_147_483_647;

/** The live postmaster of this data folder, or undefined. */
export async function findPostmaster(home: Home): Promise<Postmaster | undefined> {
  const text = await readText(pidFile(home));
  if (text === undefined) return undefined;
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  if (!await isPostmasterOf(home.dataDir, pid)) return undefined;
  return { pid, port: Number(lines[3] ?? 0), status: (lines[7] ?? "").trim() };
}

/**
 * Makes sure that a postmaster.pid without a live server does not stop the next start.
 *
 * PostgreSQL refuses to start when the recorded id is in use, even by a zombie or a stranger. The
 * file is not removed but given an id that nobody can have: it also names the shared memory of the
 * dead server, and by that PostgreSQL notices orphaned backends which still write to the data.
 */
export async function disarmStalePidFile(home: Home): Promise<void> {
  const text = await readWrittenPidFile(home);
  if (text === undefined) return;
  const pid = Number(text.split("\n", 1)[0]);
  // A dead id needs no help, and an untouched file is the safest one. A live server may have come
  // up since the caller looked, when its starter was killed right after the spawn.
  if (probe(pid) === "none" || await isPostmasterOf(home.dataDir, pid)) return;
  await writeFileAtomic(pidFile(home), text.replace(/^.*/, String(IMPOSSIBLE_PID)), {
    mode: 0o600,
    owner: home.account,
    // Not inside the data folder: as root we do not create files where another user could interfere.
    temporary: join(home.dir, "postmaster.pid.tmp"),
  });
}

/**
 * An empty file is either being written this very moment or the remnant of a power cut, which
 * PostgreSQL leaves to a person to decide. We decide by waiting; if that is wrong after all, the
 * check of the shared memory still keeps two servers apart.
 */
async function readWrittenPidFile(home: Home): Promise<string | undefined> {
  const look = async () => {
    const text = await readText(pidFile(home));
    return text === "" ? undefined : { text };
  };
  const found = await pollUntil(look, { timeoutMs: LIMITS.emptyPidFileMs });
  if (!found) await Deno.remove(pidFile(home));
  return found?.text;
}

/** True while the process runs; a zombie, which nobody has reaped yet, does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readProcessStat(pid);
  if (stat !== undefined) return stat.state !== "Z" && stat.state !== "X";
  return Deno.build.os !== "linux" && probe(pid) === "ours";
}

async function isPostmasterOf(dataDir: string, pid: number): Promise<boolean> {
  if (!await isRunning(pid)) return false;
  // macOS has no /proc: being alive and ours to signal must do there.
  if (Deno.build.os !== "linux") return true;
  if ((await readProcessStat(pid))?.name !== "postgres") return false;
  // Several embedded servers may run on one machine, and containers reuse small ids all the time:
  // the folder must match too. The command line is readable to all; the working folder covers a
  // server started by hand with a relative path.
  const command = (await readText(`/proc/${pid}/cmdline`) ?? "").split("\0");
  if (command.includes(dataDir)) return true;
  return await Deno.readLink(`/proc/${pid}/cwd`).catch(() => undefined) === dataDir;
}

/** State letter and program name, or undefined when there is no such process or no /proc. */
async function readProcessStat(pid: number) {
  const text = Number.isInteger(pid) && pid > 0 ? await readText(`/proc/${pid}/stat`) : undefined;
  // `pid (name) state …`; the name may itself contain parentheses and spaces.
  const match = /^\d+ \((.*)\) (\S)/s.exec(text ?? "");
  return match ? { name: match[1], state: match[2] } : undefined;
}

/**
 * What signal 0, which only asks, says about a process id. Zombies are there as well, and `foreign`
 * means that it belongs to another user.
 */
function probe(pid: number): "ours" | "foreign" | "none" {
  if (!Number.isInteger(pid) || pid <= 0) return "none";
  try {
    // Not Deno.kill, which has no signal 0.
    process.kill(pid, 0);
    return "ours";
  } catch (error) {
    const isForeign = error instanceof Error && "code" in error && error.code === "EPERM";
    return isForeign ? "foreign" : "none";
  }
}

function pidFile(home: Home): string {
  return join(home.dataDir, "postmaster.pid");
}
