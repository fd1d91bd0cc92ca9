/** What the driver misreads of a database's address. */
import postgres from "postgres";

const DEFAULT_PORT = 5432;

/**
 * What addresses of hosters and of other clients' configurations hold for those clients. The driver would ask the
 * server for it, which refuses a connection that asks for what it has not.
 */
const OF_OTHER_CLIENTS: readonly string[] = [
  // libpq's. Channel binding, which some hosters' addresses require, this driver has not.
  ...["channel_binding", "gssencmode", "gssdelegation", "krbsrvname", "gsslib", "sslcompression"],
  ...["sslsni", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"],
  ...["tcp_user_timeout", "load_balance_hosts", "fallback_application_name"],
  // Prisma's.
  ...[
    "pgbouncer",
    "connection_limit",
    "pool_timeout",
    "socket_timeout",
    "statement_cache_size",
    "schema",
  ],
];

/** A client for an address. */
export function clientFor(
  url: string,
  options: postgres.Options<Record<never, never>>,
): postgres.Sql {
  return postgres(ownAddress(url), { ...hostsOf(url), ...options });
}

/** An address without what is meant for other clients than this one. */
export function ownAddress(url: string): string {
  const [, place = url, query] = /^([^?]*)\?(.*)$/.exec(url) ?? [];
  if (query === undefined) return url;
  const parameters = new URLSearchParams(query);
  if (!OF_OTHER_CLIENTS.some((name) => parameters.has(name))) return url;
  for (const name of OF_OTHER_CLIENTS) parameters.delete(name);
  return parameters.size === 0 ? place : `${place}?${parameters}`;
}

/**
 * The hosts of an address with an IPv6 literal among them: the driver would look for the name `[::1]`, or for one
 * that ends at the first colon. Nothing for any other address: that it reads itself.
 *
 * @returns `host` and `port` for it, arrays both: its types know one host alone, and so do not name them.
 */
export function hostsOf(url: string): object {
  const [, list = ""] = /^\w+:\/\/(?:[^/?@]*@)?([^/?]*)/.exec(url) ?? [];
  const places = list.split(",").map(placeOf);
  if (!places.some(({ host }) => host.includes(":"))) return {};
  return { host: places.map(({ host }) => host), port: places.map(({ port }) => port) };
}

function placeOf(text: string): { host: string; port: number } {
  const [, literal, name = "", port] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  return { host: literal ?? name, port: Number(port ?? DEFAULT_PORT) };
}
