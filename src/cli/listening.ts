/**
 * Listens for HTTP: with `Deno.serve`, or, where headers have a limit of time, with `node:http`.
 *
 * `Deno.serve` takes less of the processor and has no such limit. docs/decisions/0100 has the figures.
 */
import { getRequestListener } from "@hono/node-server";
import { createServer, type RequestListener, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { messageOf } from "../embedded/errors.ts";
import type { ErrorCode } from "../core/errors.ts";
import { headOf } from "../http/problem.ts";
import type { Settings } from "./settings.ts";
import { writing } from "./writing.ts";

/** Long enough for the line of an address with a large query; the runtime's own server takes more. */
const HEADER_BYTES_MAX = 64 * 1024;
/** Above the minute that load balancers keep a connection for: who closes first must not be us. */
const IDLE_MS = 75_000;
const LOOK_MS = 100;

/** A port cannot be had. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** Where to listen. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0: any. */
  readonly port: number;
  /** That names the port. */
  readonly setting: keyof Settings;
  /** So long the headers of a request may take, milliseconds; null: for ever. */
  readonly headersMs: number | null;
}

/** A server that listens. */
export interface Listening {
  readonly port: number;
  /** Takes no more connections, and resolves when those there are have their answers. */
  shutdown(): Promise<void>;
}

type Fetch = (request: Request) => Response | Promise<Response>;

/** How long headers may take: anybody but this machine itself may send them too slowly. */
export function headersMsOf({ REQUEST_HEADERS_MS: ms, AUTH }: Settings): number | null {
  if (ms === null) return AUTH === "none" ? null : 15_000;
  return ms === 0 ? null : ms;
}

/** Serves HTTP on the port of a setting. @throws {ListenError} */
export async function listen(options: ListenOptions, fetch: Fetch): Promise<Listening> {
  const { hostname, port, setting, headersMs } = options;
  try {
    if (headersMs === null) return serveUnbounded(hostname, port, fetch);
    return await serveBounded(hostname, port, headersMs, fetch);
  } catch (error) {
    const message = `Cannot listen on ${hostname}:${port} (${setting}): ${messageOf(error)}`;
    throw new ListenError(message, { cause: error });
  }
}

function serveUnbounded(hostname: string, port: number, fetch: Fetch): Listening {
  const server = Deno.serve({ hostname, port, onListen: () => {} }, fetch);
  return { port: server.addr.port, shutdown: () => server.shutdown() };
}

async function serveBounded(
  hostname: string,
  port: number,
  headersMs: number,
  fetch: Fetch,
): Promise<Listening> {
  const answer = getRequestListener(writing(fetch), {
    hostname,
    errorHandler: answerBadTarget,
    // The adapter's own `Response` is not one to the runtime: `Deno.serve` beside it would refuse it.
    overrideGlobalObjects: false,
  });
  let underWay = 0;
  const count: RequestListener = (incoming, outgoing) => {
    underWay++;
    outgoing.once("close", () => underWay--);
    void answer(incoming, outgoing);
  };
  const server = createServer({
    headersTimeout: headersMs,
    // Bodies have a pace of their own: a whole file may take longer than any one time for all.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(headersMs / 4)),
    keepAliveTimeout: IDLE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    // Of two hosts the first would count, and the second be passed over; joined they are none.
    joinDuplicateHeaders: true,
  }, count);
  server.on("clientError", refuse);
  const { promise: bound, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, hostname, resolve);
  await bound;
  return { port: portOf(server), shutdown: () => shutDown(server, () => underWay === 0) };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("It has no port");
  return address.port;
}

/**
 * Whoever has its answer is let go by the server. A connection whose headers are on their way would not be:
 * nobody looks at the time any more.
 */
async function shutDown(server: Server, isDone: () => boolean): Promise<void> {
  const looking = setInterval(() => isDone() && server.closeAllConnections(), LOOK_MS);
  await new Promise<void>((done) => server.close(() => done()));
  clearInterval(looking);
}

/** What the parser says of a connection. */
interface ParseError extends Error {
  readonly code?: string;
  readonly reason?: string;
}

interface Refusal {
  readonly code: ErrorCode;
  readonly status?: number;
  readonly detail?: string;
}

const refusals: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: "request_timeout", detail: "The headers came too slowly" },
  HPE_ERROR: {
    code: "malformed",
    detail: "This is not HTTP/1.1; in an address, what is not ASCII is percent-encoded",
  },
  HPE_HEADER_OVERFLOW: {
    code: "payload_too_large",
    status: 431,
    detail: `Line and headers hold more than ${HEADER_BYTES_MAX} bytes`,
  },
};

/** Answers what never became a request, and closes its connection. */
function refuse(error: ParseError, socket: Duplex): void {
  // Gone already, or in the middle of an answer.
  if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
  const { code, status: own, detail = error.reason ?? "This is not HTTP" } =
    refusals[error.code ?? ""] ?? { code: "malformed" };
  const problem = { ...headOf(code), detail };
  const status = own ?? problem.status;
  const body = JSON.stringify({ ...problem, status });
  const head = [
    `HTTP/1.1 ${status} ${problem.title}`,
    "connection: close",
    "content-type: application/problem+json",
    `content-length: ${body.length}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** The target of a request, or its host, is no address. */
function answerBadTarget(error: unknown): Response {
  const detail = `The target or the host is none: ${messageOf(error)}`;
  const problem = { ...headOf("malformed"), detail };
  const headers = { "content-type": "application/problem+json" };
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}
