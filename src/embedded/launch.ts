/** Starting and stopping the postmaster. Everything here happens under the start lock. */

import { type Address, chooseFreePort, isPortFree, recordAddress } from "./address.ts";
import { EmbeddedError } from "./errors.ts";
import { readText } from "./files.ts";
import type { Home } from "./home.ts";
import { LIMITS, POSTGRES_VERSION } from "./limits.ts";
import { lastLogLines, prepareLogs, startupLogPath } from "./log.ts";
import { disarmStalePidFile, findPostmaster, isRunning, type Postmaster } from "./postmaster.ts";
import { programPath, spawnDetached } from "./programs.ts";
import { settingsPath, writeSettings } from "./settings.ts";
import { pollUntil, sleep } from "./wait.ts";

const RECOVERING = "PostgreSQL is recovering from a crash …";

export interface LaunchOptions {
  /** Port to take if it is free, and the password to write down. */
  readonly address: Address;
  readonly durable: boolean;
  readonly onProgress: (line: string) => void;
  /** Ends the wait, not the server. */
  readonly signal: AbortSignal;
}

/**
 * Starts the server on existing database files and waits until it accepts connections.
 *
 * @returns The address it got; the port differs from the wish when somebody else has that one.
 * @throws {EmbeddedError} With the last log lines, if it ends or does not become ready in time.
 */
export async function launch(home: Home, options: LaunchOptions): Promise<Address> {
  let { address } = options;
  const announce = announcer(options.onProgress);
  const blockedDeadline = performance.now() + LIMITS.blockedRetryMs;
  for (let portsTried = 1;;) {
    if (!isPortFree(address.port)) address = { ...address, port: chooseFreePort() };
    announce(`Starting PostgreSQL ${POSTGRES_VERSION} on port ${address.port} …`);
    const outcome = await launchOnce(home, address, options);
    if (outcome === "ready") return address;
    // A starter killed between its spawn and the first line of postmaster.pid leaves a server that
    // we could not see: ours ended because of that one.
    const other = await awaitSettled(home, options);
    if (other) return await adopt(home, { ...address, port: other.port });
    if (outcome === "blocked" && performance.now() < blockedDeadline) {
      announce("Waiting for the last sessions of the killed server to end …");
      await sleep(LIMITS.blockedPauseMs, options.signal);
      // Somebody took the port between our look at it and the server's bind: look again.
    } else if (isPortFree(address.port) || ++portsTried > LIMITS.portAttempts) {
      throw await notReady(home, "ended while starting");
    }
    options.signal.throwIfAborted();
  }
}

/**
 * Stops the server: fast shutdown first, which rolls back and disconnects clients; if that hangs,
 * immediate shutdown, after which the next start replays the log.
 */
export async function stopServer(home: Home): Promise<void> {
  const server = await findPostmaster(home);
  if (!server) return;
  if (await endBy(server.pid, "SIGINT", LIMITS.stopFastMs)) return;
  if (await endBy(server.pid, "SIGQUIT", LIMITS.stopImmediateMs)) return;
  throw new EmbeddedError(
    `Cannot stop PostgreSQL (process ${server.pid}): it ignores SIGINT and SIGQUIT; see the log ` +
      `folder "${home.logDir}"`,
  );
}

/**
 * Waits for a server that somebody else started or is stopping.
 *
 * @returns It, once ready; undefined if there is none or it ends.
 */
export async function awaitSettled(
  home: Home,
  { signal, onProgress }: Pick<LaunchOptions, "signal" | "onProgress">,
): Promise<Postmaster | undefined> {
  const onSlow = () => onProgress(RECOVERING);
  const found = await pollUntil(async () => {
    const server = await findPostmaster(home);
    return !server ? "none" : server.status === "ready" ? server : undefined;
  }, { timeoutMs: LIMITS.readyMs, signal, onSlow });
  if (found === undefined) throw await notReady(home, "did not become ready");
  return found === "none" ? undefined : found;
}

async function adopt(home: Home, address: Address): Promise<Address> {
  await recordAddress(home, address);
  return address;
}

/** Passes on each line once, however often a loop comes by. */
function announcer(onProgress: (line: string) => void): (line: string) => void {
  const said = new Set<string>();
  return (line) => {
    if (!said.has(line)) onProgress(line);
    said.add(line);
  };
}

async function launchOnce(
  home: Home,
  address: Address,
  options: LaunchOptions,
): Promise<"ready" | "blocked" | "ended"> {
  await prepareLogs(home);
  await disarmStalePidFile(home);
  await writeSettings(home, { port: address.port, durable: options.durable });
  // Before the start: if we are killed right after it, whoever adopts the server knows its address.
  await recordAddress(home, address);
  const child = spawnPostmaster(home);
  if (await becomesReady(home, child, options)) return "ready";
  const complaint = await readText(startupLogPath(home)) ?? "";
  // kill -9 of the postmaster leaves its backends for a moment, and their shared memory with them;
  // kill -9 of a starter leaves a server that is only just taking the folder.
  return /pre-existing shared memory|lock file/.test(complaint) ? "blocked" : "ended";
}

function spawnPostmaster(home: Home): Deno.ChildProcess {
  // The shell only redirects the error output, which Deno cannot send to a file, and then becomes
  // the postmaster: the process id of the child is the one in postmaster.pid.
  const redirect = ["/bin/sh", "-c", 'exec "$@" 2>>"$0"', startupLogPath(home)] as const;
  const postgres = [programPath(home, "postgres"), "-D", home.dataDir];
  return spawnDetached(home, [...redirect, ...postgres, "-c", `config_file=${settingsPath(home)}`]);
}

async function becomesReady(
  home: Home,
  child: Deno.ChildProcess,
  { signal, onProgress }: LaunchOptions,
): Promise<boolean> {
  let hasEnded = false;
  // Also reaps the process, now or years later, as long as we live.
  child.status.then(() => hasEnded = true);
  const onSlow = () => onProgress(RECOVERING);
  const outcome = await pollUntil(async () => {
    if (hasEnded) return "ended";
    const server = await findPostmaster(home);
    return server?.pid === child.pid && server.status === "ready" ? "ready" : undefined;
  }, { timeoutMs: LIMITS.readyMs, signal, onSlow });
  if (outcome === undefined) throw await notReady(home, "did not become ready");
  return outcome === "ready";
}

async function endBy(pid: number, signal: Deno.Signal, timeoutMs: number): Promise<boolean> {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    // It ended by itself between our look and the signal: fine if so.
    if (await isRunning(pid)) throw error;
  }
  const isGone = await pollUntil(
    async () => await isRunning(pid) ? undefined : true,
    { timeoutMs },
  );
  return isGone === true;
}

async function notReady(home: Home, what: string): Promise<EmbeddedError> {
  return new EmbeddedError(
    `PostgreSQL ${what}; see the log folder "${home.logDir}": ${await lastLogLines(home)}`,
  );
}
