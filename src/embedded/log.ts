/** The server's log folder: made, kept small, and read when a start fails. */

import { join } from "node:path";
import { readText } from "./files.ts";
import type { Home } from "./home.ts";
import { LIMITS } from "./limits.ts";

/** Where the server complains until its own logging runs. Begun anew at every start. */
export function startupLogPath(home: Home): string {
  return join(home.logDir, "startup.log");
}

/**
 * Makes the log folder, and deletes what the rotation by weekday missed: the server empties a file
 * only when it is running at midnight, so one that runs by day alone would append for ever.
 */
export async function prepareLogs(home: Home): Promise<void> {
  await Deno.mkdir(home.logDir, { recursive: true, mode: 0o700 });
  // Every time: a kill -9 between the two would leave a folder in which the server cannot write.
  if (home.account) await Deno.chown(home.logDir, home.account.uid, home.account.gid);
  // Removed, not emptied: a server whose starter was killed may write to it, at its own position.
  await Deno.remove(startupLogPath(home)).catch(() => {});
  for (const { path, modifiedAt, bytes } of await listLogs(home)) {
    const isOld = Date.now() - modifiedAt > LIMITS.logAgeMs;
    if (isOld || bytes > LIMITS.logBytesMax) await Deno.remove(path);
  }
}

/**
 * The last log lines, on one line. What was said before the server's own logging ran comes first:
 * it is of this start, while the server log may end with the previous one.
 */
export async function lastLogLines(home: Home): Promise<string> {
  const early = tailOf(await readText(startupLogPath(home)));
  if (early !== "") return early;
  const newest = (await listLogs(home)).sort((a, b) => b.modifiedAt - a.modifiedAt)[0];
  return tailOf(newest && await readText(newest.path)) || "nothing logged";
}

/** Without the two lines that announce where the log goes. */
function tailOf(text: string | undefined): string {
  const lines = text?.split("\n").filter((line) =>
    line.trim() !== "" && !/redirecting log output|Future log output/.test(line)
  );
  return lines?.slice(-LIMITS.logTailLines).join(" | ") ?? "";
}

async function listLogs(home: Home) {
  const logs: { path: string; modifiedAt: number; bytes: number }[] = [];
  for await (const entry of Deno.readDir(home.logDir)) {
    if (!entry.isFile || !/^postgresql-.*\.log$/.test(entry.name)) continue;
    const path = join(home.logDir, entry.name);
    const { mtime, size } = await Deno.stat(path);
    logs.push({ path, modifiedAt: mtime?.getTime() ?? 0, bytes: size });
  }
  return logs;
}
