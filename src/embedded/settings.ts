/**
 * The server's settings file, written anew at every start.
 *
 * It stands beside the data and replaces initdb's postgresql.conf, so an upgrade of Perdura reaches
 * old databases. `alter system set …` still wins over it: that file is read from the data folder.
 */

import type { Home } from "./home.ts";

export interface ServerSettings {
  readonly port: number;
  /** false trades crash safety for speed: tests only. */
  readonly durable: boolean;
}

/** The text of the settings file. */
export function settingsText(home: Home, settings: ServerSettings): string {
  const lines = Object.entries(settingsOf(home, settings))
    .map(([name, value]) => `${name} = ${quote(value)}`);
  return [
    "# Written by Perdura at every start. To change a setting: alter system set … = …;",
    ...lines,
    "",
  ].join("\n");
}

function settingsOf(home: Home, { port, durable }: ServerSettings): Record<string, string> {
  const safety = durable ? "on" : "off";
  return {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: "200",
    shared_buffers: durable ? "256MB" : "128MB",
    fsync: safety,
    synchronous_commit: safety,
    full_page_writes: safety,
    max_wal_size: "4GB",
    checkpoint_timeout: "15min",
    // A queue table turns over completely within minutes; the default minute lets it bloat.
    autovacuum_naptime: "15s",
    // Queue statements are short: compiling them costs more than running them.
    jit: "off",
    timezone: "UTC",
    // One file a weekday, emptied when its day comes round: a week of log at most.
    logging_collector: "on",
    log_directory: home.logDir,
    log_filename: "postgresql-%a.log",
    log_truncate_on_rotation: "on",
    log_rotation_age: "1d",
    log_rotation_size: "0",
    log_timezone: "UTC",
  };
}

function quote(value: string): string {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}
