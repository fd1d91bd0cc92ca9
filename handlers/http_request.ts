/**
 * `http.request`: calls an address that is on the list of allowed hosts, and nowhere else.
 *
 * Names are resolved here and the connection goes to the very address that was checked, so that a
 * name cannot change its mind in between. Private addresses must be on the list themselves.
 */
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import {
  defineHandler,
  giveUp,
  type Handler,
  PermanentError,
  retryAfter,
  sensitive,
} from "perdura/handler";
import { checkedAddress, send } from "./guarded.ts";

/** Whom jobs may call. */
export interface HttpOptions {
  /** Host names or addresses; empty: nobody. */
  readonly allowedHosts: readonly string[];
}

const REDIRECTS_MAX = 5;
const BODY_BYTES_MAX = 256 * 1024;
const RETRY_MS_MAX = 24 * 3600 * 1000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Said by whoever sends: from a job they would make two requests of one, on a connection that all jobs share. */
const FRAMING = new Set([
  ...["connection", "content-length", "expect", "host", "keep-alive", "proxy-connection"],
  ...["te", "trailer", "transfer-encoding", "upgrade"],
]);
const headerName = z.string().regex(/^[\w-]{1,100}$/)
  .refine((name) => !FRAMING.has(name.toLowerCase()), "Is said by whoever sends the request");
/** What a header can hold. It may be a credential: nobody is shown it. */
const headerValue = z.string().max(4_000)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, "Must be one line of Latin-1");

const input = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).max(2_000),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).default("GET"),
  headers: z.record(headerName, sensitive(headerValue)).default({}),
  body: z.string().max(1_000_000).optional(),
  timeoutMs: z.int().min(100).max(300_000).default(30_000),
});
type Call = z.output<typeof input>;

/** The handler, for one list. */
export function httpRequest({ allowedHosts }: HttpOptions): Handler {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()));
  return defineHandler({
    type: "http.request",
    input,
    timeoutMs: 310_000,
    // Who calls one service from many jobs gives them its `limitKey`: when it is down, they wait.
    breaker: { failures: 5, windowMs: 60_000, openMs: 30_000, per: "key" },
    handle: async (call, { signal, idempotencyKey }) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(call.timeoutMs)]);
      const headers = { "idempotency-key": idempotencyKey, ...call.headers };
      const { status, location, body, wait } = await follow({ ...call, headers }, allowed, limit);
      const error = Object.assign(new Error(`${location} answered ${status}`), {
        code: `http_${status}`,
      });
      if (status === 429 || status >= 500) {
        if (wait !== null) return retryAfter(Math.min(wait, RETRY_MS_MAX), error);
        throw error;
      }
      if (status >= 400) return giveUp(error);
      return { status, url: location, body };
    },
  });
}

interface Answer {
  readonly status: number;
  readonly location: string;
  readonly body: string;
  /** Milliseconds of Retry-After. */
  readonly wait: number | null;
}

/** Follows redirects, each checked like the first. */
async function follow(
  call: Call,
  allowed: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Answer> {
  let url = new URL(call.url);
  let { method, body } = call;
  for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
    const address = await checkedAddress(url, allowed);
    const response = await send(url, address, { ...call, method, body }, signal);
    const status = response.statusCode ?? 0;
    const to = response.headers.location;
    if (!REDIRECTS.has(status) || to === undefined) {
      const wait = waitOf(response.headers);
      return { status, location: url.href, body: await read(response, signal), wait };
    }
    response.destroy();
    const next = new URL(to, url);
    if (!/^https?:$/.test(next.protocol)) {
      throw new PermanentError("Redirected to another protocol");
    }
    if (next.origin !== url.origin) call = { ...call, headers: withoutSecrets(call.headers) };
    if (status === 303 || (status < 303 && method === "POST")) [method, body] = ["GET", undefined];
    url = next;
  }
  throw new PermanentError(`More than ${REDIRECTS_MAX} redirects`);
}

/** The beginning of the body, as text. */
async function read(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    signal.throwIfAborted();
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= BODY_BYTES_MAX) break;
  }
  response.destroy();
  const whole = new Uint8Array(await new Blob(chunks.map((c) => new Uint8Array(c))).arrayBuffer());
  return new TextDecoder().decode(whole.subarray(0, BODY_BYTES_MAX)).replaceAll("\0", "\uFFFD");
}

/** Seconds, or a date: then counted by the clock of whoever answered. */
function waitOf(headers: IncomingMessage["headers"]): number | null {
  const given = headers["retry-after"];
  if (given === undefined) return null;
  if (/^\d{1,9}$/.test(given)) return Number(given) * 1000;
  const ms = Date.parse(given) - Date.parse(headers.date ?? "");
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

function withoutSecrets(headers: Call["headers"]): Call["headers"] {
  const secrets = new Set(["authorization", "cookie", "proxy-authorization"]);
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !secrets.has(name.toLowerCase())),
  );
}
