/**
 * What every answer carries: a request id, and the headers that keep browsers careful.
 *
 * A header set on a finished response costs more than one it was made with, and an API's time per request
 * goes into little else. So what a route answers most often, JSON, is made whole by `json`; all other
 * responses get theirs afterwards.
 */
import type { Context, MiddlewareHandler } from "hono";
import { ForbiddenError } from "../core/errors.ts";
import type { Patience } from "./patience.ts";

/** Transport security is the business of whoever terminates TLS. */
const CAREFUL = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "origin-agent-cluster": "?1",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "SAMEORIGIN",
} as const;

/** What a document needs beside data is not sent with data. */
const CAREFUL_DATA = {
  "cross-origin-resource-policy": CAREFUL["cross-origin-resource-policy"],
  "referrer-policy": CAREFUL["referrer-policy"],
  "x-content-type-options": CAREFUL["x-content-type-options"],
  "x-frame-options": CAREFUL["x-frame-options"],
} as const;

/**
 * Deno's server writes a head and a body apart unless both fit in half a kilobyte, and what it frames in chunks
 * as one: one write costs less than two here, and wakes the client once. It takes the header for a wish,
 * and leaves it out where there are no chunks (HTTP/1.0, HTTP/2, HEAD).
 */
const CHUNKED_DATA = { ...CAREFUL_DATA, "transfer-encoding": "chunked" } as const;
/** Characters: a longer body is copied once more for the sake of one write. */
const ONE_WRITE_MAX = 16 * 1024;

const REQUEST_ID = /^[\w=-]{1,255}$/;

const whole = new WeakSet<Response>();

/** Whether an answer is JSON that was made in one piece. */
export function isWhole(response: Response): boolean {
  return whole.has(response);
}

/** Answers with JSON of a media type, everything that `envelope` sees to included. */
export function json(
  c: Context,
  body: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const text = JSON.stringify(body);
  const isFramed = c.get("inOneWrite") === true && text.length <= ONE_WRITE_MAX;
  const response = new Response(text, {
    status,
    headers: {
      "content-type": "application/json",
      "x-request-id": c.get("requestId"),
      ...(isFramed ? CHUNKED_DATA : CAREFUL_DATA),
      ...headers,
    },
  });
  whole.add(response);
  return response;
}

/** How answers are given. */
export interface EnvelopeOptions {
  /** Answer to names of the loopback only, as `demandLoopback` has it. */
  readonly isLoopbackOnly?: boolean;
  /** Frame short JSON so that Deno's server sends it in one write. Not for other servers. */
  readonly inOneWrite?: boolean;
  /** For bodies that come slowly; without it, the one that all share. */
  readonly patience?: Patience | undefined;
}

/**
 * Gives each request an id, its sender's own (`X-Request-Id`) if it is one, and each answer what it must
 * carry.
 */
export function envelope(
  { isLoopbackOnly = false, inOneWrite = false, patience }: EnvelopeOptions = {},
): MiddlewareHandler {
  const demand = isLoopbackOnly ? demandLoopback() : () => {};
  return async (c, next) => {
    const given = c.req.header("x-request-id") ?? "";
    c.set("requestId", REQUEST_ID.test(given) ? given : crypto.randomUUID());
    if (patience) c.set("patience", patience);
    if (inOneWrite) c.set("inOneWrite", true);
    demand(c.req.url);
    if (isLoopbackOnly) demandOwnOrigin(c);
    await next();
    // A HEAD is answered as a GET, and the body dropped: a stream would not hear that nobody reads it.
    if (c.req.method === "HEAD") await c.res.body?.cancel();
    if (whole.has(c.res)) return;
    for (const [name, value] of Object.entries(CAREFUL)) c.res.headers.set(name, value);
    c.res.headers.set("x-request-id", c.get("requestId"));
  };
}

/**
 * A page of another site may send a bare POST to this machine: it cannot read the answer, but what it
 * asks would be done. Browsers name the page's site with every method but GET and HEAD.
 */
function demandOwnOrigin(c: Context): void {
  const origin = c.req.header("origin");
  if (origin === undefined || c.req.method === "GET" || c.req.method === "HEAD") return;
  if (!LOOPBACK.test(URL.parse(origin)?.hostname ?? "")) {
    throw new ForbiddenError("Without keys the API obeys pages of the loopback only");
  }
}

const LOOPBACK = /^(localhost|\[::1\]|127(\.\d{1,3}){3})$/;

/**
 * Without keys only this machine may call, by a name of its own: a page in a browser that has pointed
 * its own name at the loopback (DNS rebinding) is turned away.
 */
function demandLoopback(): (url: string) => void {
  let admitted: string | null = null;
  return (url) => {
    // One client mostly calls by one name.
    if (admitted !== null && url.startsWith(admitted)) return;
    const { hostname, origin } = new URL(url);
    if (!LOOPBACK.test(hostname)) {
      throw new ForbiddenError("Without keys the API answers to names of the loopback only");
    }
    admitted = `${origin}/`;
  };
}
