/** Listens for HTTP. */
import { getLogger } from "@logtape/logtape";
import { messageOf } from "../embedded/errors.ts";
import { Connections, connectionServer } from "./connections.ts";
import { CommandError } from "./errors.ts";
import type { Settings } from "./settings.ts";

const log = getLogger(["perdura", "http"]);

/** Above the minute that load balancers keep a connection for: who closes first must not be us. */
const IDLE_MS = 75_000;

/** A port cannot be had. */
export class ListenError extends CommandError {
  override readonly name = "ListenError";
}

/** An address of our own. */
export interface Place {
  readonly hostname: string;
  /** 0: any. */
  readonly port: number;
  /** That names the port. */
  readonly setting: keyof Settings;
}

/** Where to listen, and how. */
export interface ListenOptions extends Place {
  /** So long the first headers of a connection may take, milliseconds; null: for ever. */
  readonly headersMs: number | null;
  /** So long a connection may be without a request between two, milliseconds, where headers have a limit. */
  readonly idleMs?: number;
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

/**
 * Says at once that a port is taken: nobody waits for a database to hear it. Whoever takes the port
 * after this look is met by `listen`. @throws {ListenError}
 */
export function demandPort(place: Place): void {
  const { hostname, port } = place;
  having(place, () => Deno.listen({ hostname, port }).close());
}

/** Serves HTTP on the port of a setting. @throws {ListenError} */
export function listen(options: ListenOptions, fetch: Fetch): Listening {
  const { hostname, port, headersMs, idleMs = IDLE_MS } = options;
  return having(
    options,
    () =>
      headersMs === null
        ? serveUnbounded(hostname, port, fetch)
        : serveBounded(hostname, port, { headersMs, idleMs }, fetch),
  );
}

function having<Result>({ hostname, port, setting }: Place, open: () => Result): Result {
  try {
    return open();
  } catch (error) {
    const message = `Cannot listen on ${hostname}:${port} (${setting}): ${messageOf(error)}`;
    throw new ListenError(message, { cause: error });
  }
}

function serveUnbounded(hostname: string, port: number, fetch: Fetch): Listening {
  const server = Deno.serve({ hostname, port, onListen: () => {} }, fetch);
  return { port: server.addr.port, shutdown: () => server.shutdown() };
}

function serveBounded(
  hostname: string,
  port: number,
  patience: { readonly headersMs: number; readonly idleMs: number },
  fetch: Fetch,
): Listening {
  const serve = connectionServer();
  if (serve === null) {
    log.warn(
      "This runtime waits for the headers of a request for ever: REQUEST_HEADERS_MS is not kept",
    );
    return serveUnbounded(hostname, port, fetch);
  }
  const listener = Deno.listen({ hostname, port });
  const connections = new Connections(listener, serve, fetch, patience);
  return { port: listener.addr.port, shutdown: () => connections.shutdown() };
}
