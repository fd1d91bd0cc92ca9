/** Bounds of every wait and retry around the embedded server, and its fixed names. Milliseconds. */

export const LIMITS = {
  /** Between two looks at a lock or at postmaster.pid; short, as a warm start takes some 50 ms. */
  pollMs: 10,
  /** After this long a wait says what it waits for. */
  slowMs: 2_000,
  /** Crash recovery replays up to max_wal_size (4 GB) before "ready"; a slow disk needs minutes. */
  readyMs: 600_000,
  /** Waiting for whoever starts the server: a little longer than the longest start. */
  startLockMs: 660_000,
  /** A leaver that cannot get the start lock goes without it: a starter is there to stay. */
  leaveLockMs: 10_000,
  /** Orphaned backends of a killed postmaster end within this time, or the start gives up. */
  blockedRetryMs: 30_000,
  blockedPauseMs: 100,
  /** An empty postmaster.pid is filled within a millisecond by a living server. */
  emptyPidFileMs: 2_000,
  /** Fast shutdown; afterwards immediate shutdown, which needs crash recovery at the next start. */
  stopFastMs: 30_000,
  stopImmediateMs: 15_000,
  watchMs: 500,
  /** Pause after a failed restart, so that a broken disk does not spin. */
  healPauseMs: 5_000,
  portAttempts: 5,
  logBytesMax: 64 * 1024 * 1024,
  logAgeMs: 6 * 86_400_000,
  logTailLines: 6,
} as const;

/** Exact version of the npm package with the binaries. Its major decides the data format. */
export const BINARIES_VERSION = "18.4.0-beta.17";

/** What people call that version. */
export const POSTGRES_VERSION = "18.4";
