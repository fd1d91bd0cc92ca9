/**
 * Who may start the server, and who uses it: two advisory file locks in the home folder.
 *
 * `start.lock` is held exclusively for as long as somebody looks, starts or stops. `users.lock` is
 * held shared by every attached process for its life. The kernel frees both on kill -9, so there is
 * no count to go wrong. flock belongs to the open file, not to the process: every attach opens its
 * own, and several attaches inside one process exclude each other like strangers.
 */

import { join } from "node:path";
import { EmbeddedError, messageOf } from "./errors.ts";
import { type PollOptions, pollUntil } from "./wait.ts";

/** The shared hold of one attached process on the server. */
export interface UserHold {
  /** Lets go. */
  release(): void;
}

/**
 * Runs `work` while holding the start lock.
 *
 * tryLock in a loop, not a blocking lock: a blocked flock cannot be aborted and would keep the
 * process from exiting.
 *
 * @returns What `work` returns, or undefined when the lock was not to be had in time.
 */
export async function withStartLock<T>(
  home: string,
  options: PollOptions,
  work: () => Promise<T>,
): Promise<T | undefined> {
  using file = await openLockFile(join(home, "start.lock"));
  const held = await pollUntil(
    async () => await file.tryLock(true) ? true : undefined,
    options,
  );
  if (!held) return undefined;
  try {
    return await work();
  } finally {
    // Unlock, then close: a child that another thread forks at this moment owns a copy of the
    // descriptor until its exec, and closing alone would leave the lock with that copy.
    file.unlockSync();
  }
}

/**
 * Joins the users. Call it under the start lock: the exclusive probe of a last leaver happens only
 * there, so the shared lock is free.
 */
export async function joinUsers(home: string): Promise<UserHold> {
  const file = await openLockFile(join(home, "users.lock"));
  if (!await file.tryLock(false)) {
    file.close();
    throw new EmbeddedError(
      `Cannot join the users of the embedded PostgreSQL: "${home}/users.lock" is locked by a ` +
        `program that does not hold "start.lock"`,
    );
  }
  const release = () => {
    file.unlockSync();
    file.close();
  };
  return { release };
}

/**
 * True when nobody uses the server any more. Call it under the start lock, after `release()`.
 *
 * Opens the file anew: if somebody deleted the whole folder and attached again, the fresh file
 * carries the locks that count, and a leaver of the old world must not stop the new server.
 */
export async function isUnused(home: string): Promise<boolean> {
  using file = await openLockFile(join(home, "users.lock"));
  const free = await file.tryLock(true);
  if (free) file.unlockSync();
  return free;
}

async function openLockFile(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  } catch (error) {
    throw new EmbeddedError(
      `Cannot open the lock file "${path}": ${messageOf(error)}; does the state folder belong to ` +
        `another user?`,
      { cause: error },
    );
  }
}
