/** Where a postgres.js client connects to. */
import type postgres from "postgres";

/**
 * The address of a client as a URL, for connections of our own.
 *
 * @throws {TypeError} Its password is a function: give `databaseUrl` instead.
 */
export function addressOf(sql: postgres.Sql): string {
  const { host, port, user, pass, database, ssl } = sql.options;
  if (typeof pass === "function") {
    throw new TypeError("The password of sql is a function: give databaseUrl instead");
  }
  const [name, number] = [host[0] ?? "localhost", port[0] ?? 5432];
  const secret = pass === null || pass === undefined ? "" : `:${encodeURIComponent(pass)}`;
  const url = new URL(
    `postgres://${encodeURIComponent(user)}${secret}@${bracketed(name)}:${number}`,
  );
  url.pathname = `/${database}`;
  if (ssl) url.searchParams.set("sslmode", typeof ssl === "string" ? ssl : "require");
  return url.href;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** Whether a client can be made from it: what postgres.js would throw holds the password. */
export function isAddress(text: string): boolean {
  const [, credentials = "", hosts = "", rest = ""] =
    /^postgres(?:ql)?:\/\/([^/?]*@)?([^/?@\s]*)(\S*)$/.exec(text) ?? [];
  if (hosts + rest === "") return false;
  try {
    // Several hosts are tried in turn; the form of a URL knows one.
    const url = new URL(`postgres://${credentials}${hosts.split(",")[0]}${rest}`);
    return [url.username, url.password, hosts].every((part) => decodeURIComponent(part) !== null);
  } catch {
    return false;
  }
}
