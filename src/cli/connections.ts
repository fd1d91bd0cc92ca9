/**
 * Connections with a limit of time for what is not a request yet.
 *
 * `Deno.serve` waits for the end of headers for ever, and hands out no connection that could be closed. The
 * runtime's server itself can be given one connection at a time, under a name that is not part of its
 * documented interface: so it is looked for, and where it is missing there is no limit. docs/decisions/0100.
 */
import { systemClock } from "../core/clock.ts";

type Fetch = (request: Request) => Response | Promise<Response>;

interface Info {
  /** Settles when the answer has been sent, or cannot be. */
  readonly completed: Promise<void>;
}

interface Served {
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
}

type ServeConnection = (
  connection: Deno.TcpConn,
  signal: AbortSignal,
  handler: (request: Request, info: Info) => Response | Promise<Response>,
  onError: (error: unknown) => Response,
  onListen: () => void,
) => Served;

interface Internals {
  readonly serveHttpOnConnection: ServeConnection;
}

/** What serves one connection; null: this runtime has no such thing. */
export function connectionServer(): ServeConnection | null {
  const internals: unknown = Reflect.get(Deno, Reflect.get(Deno, "internal") ?? "");
  return isInternals(internals) ? internals.serveHttpOnConnection : null;
}

function isInternals(value: unknown): value is Internals {
  return typeof value === "object" && value !== null &&
    typeof Reflect.get(value, "serveHttpOnConnection") === "function";
}

/** How long a connection may be without a request, milliseconds. */
export interface Patience {
  /** From its beginning to the end of the first headers. */
  readonly headersMs: number;
  /** From one answer to the end of the next headers. */
  readonly idleMs: number;
}

/** One connection, until it is closed by either side. */
class Connection {
  /** Never rejects. */
  readonly finished: Promise<void>;
  readonly #served: Served;
  readonly #cut = new AbortController();
  readonly #patience: Patience;
  #underWay = 0;
  #hasAsked = false;
  #since = systemClock.monotonic();

  constructor(conn: Deno.TcpConn, serve: ServeConnection, fetch: Fetch, patience: Patience) {
    this.#patience = patience;
    const answer = (request: Request, { completed }: Info) => {
      this.#hasAsked = true;
      this.#underWay++;
      completed.then(this.#onAnswered, this.#onAnswered);
      return fetch(request);
    };
    this.#served = serve(conn, this.#cut.signal, answer, answerFailure, () => {});
    this.finished = this.#served.finished.catch(() => {});
  }

  cutWhenOverdue(now: number): void {
    const { headersMs, idleMs } = this.#patience;
    const most = this.#hasAsked ? idleMs : headersMs;
    if (this.#underWay === 0 && now - this.#since > most) this.#cut.abort();
  }

  /** Ends with the answers under way. Headers that are on their way are not waited for. */
  async end(): Promise<void> {
    if (this.#underWay === 0) this.#cut.abort();
    else await this.#served.shutdown().catch(() => {});
    await this.finished;
  }

  readonly #onAnswered = () => {
    this.#underWay--;
    this.#since = systemClock.monotonic();
  };
}

/** Every route answers its errors itself. */
function answerFailure(): Response {
  return new Response(null, { status: 500 });
}

const ACCEPT_PAUSE_MS = 100;
const LOOK_MS_MAX = 1_000;

/** The connections of one listener. */
export class Connections {
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Connection>();
  readonly #looking: ReturnType<typeof setInterval>;
  #isClosing = false;

  constructor(
    listener: Deno.TcpListener,
    private readonly serve: ServeConnection,
    private readonly fetch: Fetch,
    private readonly patience: Patience,
  ) {
    this.#listener = listener;
    const lookMs = Math.min(LOOK_MS_MAX, Math.ceil(patience.headersMs / 4));
    this.#looking = setInterval(() => this.#look(), lookMs);
    void this.#acceptAll();
  }

  /** Takes no more of them, and resolves when those there are have their answers. */
  async shutdown(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#looking);
    this.#listener.close();
    await Promise.all([...this.#open].map((connection) => connection.end()));
  }

  async #acceptAll(): Promise<void> {
    while (!this.#isClosing) {
      try {
        this.#take(await this.#listener.accept());
      } catch {
        // Gone before it was taken, or there are no more descriptors: it is tried again.
        if (!this.#isClosing) await new Promise((done) => setTimeout(done, ACCEPT_PAUSE_MS));
      }
    }
  }

  #take(conn: Deno.TcpConn): void {
    // A stream's small pieces do not wait for each other's acknowledgement.
    conn.setNoDelay(true);
    const connection = new Connection(conn, this.serve, this.fetch, this.patience);
    this.#open.add(connection);
    void connection.finished.then(() => this.#open.delete(connection));
  }

  #look(): void {
    const now = systemClock.monotonic();
    for (const connection of this.#open) connection.cutWhenOverdue(now);
  }
}
