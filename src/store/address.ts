/** What the driver misreads of a database's address. */

const DEFAULT_PORT = 5432;

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
