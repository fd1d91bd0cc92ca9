/**
 * Requests that go where they may and nowhere else (SSRF).
 *
 * Names are resolved here and the connection goes to the very address that was checked, so that a
 * name cannot change its mind in between. Private addresses must be on the list themselves.
 */
import { lookup } from "node:dns/promises";
import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import ipaddr from "ipaddr.js";
import { PermanentError } from "perdura/handler";

/** What is sent. */
export interface Outgoing {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** The address to connect to. @throws {PermanentError} The host is not allowed. */
export async function checkedAddress(url: URL, allowed: ReadonlySet<string>): Promise<string> {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (!allowed.has(host)) {
    throw new PermanentError(
      `Host "${host}" is not allowed: PERDURA_HTTP_ALLOW names those that are, or allowedHosts of a push`,
    );
  }
  if (ipaddr.isValid(host)) return host;
  const found = await lookup(host, { all: true });
  for (const { address } of found) {
    if (!isPublic(address) && !allowed.has(address)) {
      throw new PermanentError(`Host "${host}" leads to ${address}, which is not public`);
    }
  }
  const [first] = found;
  if (!first) throw new Error(`Host "${host}" has no address`);
  return first.address;
}

/** All of IPv6 that is given out; what is below holds IPv4 addresses in disguise. */
const IPV6_GIVEN_OUT = ipaddr.parseCIDR("2000::/3");

/** Whether an address is one of the internet, not of a machine, a network or a cloud's inside. */
export function isPublic(address: string): boolean {
  // An IPv4 address that is mapped into IPv6 is judged by what it is.
  const parsed = ipaddr.process(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || parsed.match(IPV6_GIVEN_OUT);
}

/** Sends a request to that address, in the name of its host. */
export function send(
  url: URL,
  address: string,
  call: Outgoing,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const isTls = url.protocol === "https:";
  const options = {
    host: address,
    port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    method: call.method,
    headers: { ...call.headers, host: url.host },
    signal,
    ...(isTls ? { servername: url.hostname } : {}),
  };
  return new Promise((resolve, reject) => {
    const request = (isTls ? requestTls : requestPlain)(options, resolve);
    request.on("error", reject);
    request.end(call.body);
  });
}
