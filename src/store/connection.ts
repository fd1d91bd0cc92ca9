/**
 * One connection, used until it is lost and never after.
 *
 * postgres.js goes on with a connection object whose socket is gone, and with what was left in it: a
 * chunk not yet written, a statement it still waits for. Later calls then hang, or fail by errors of
 * earlier ones. So each object serves one socket: its loss is told to every call at once, and the
 * object is thrown away.
 */
import postgres from "postgres";
import { systemClock } from "../core/clock.ts";
import { UnavailableError, UnknownResultError } from "../core/errors.ts";
import { clientFor } from "./address.ts";
import { isConnectionLoss, toStoreError } from "./failures.ts";
import { PlanAge } from "./plan_age.ts";

/** One value of a parameter list; arrays travel as array literals (`literal.ts`). */
export type Parameter = string | number | boolean | null;

/** A row as the driver gives it; `rows.ts` says what is in it. */
export type Row = Readonly<Record<string, unknown>>;

/** How to connect. */
export interface ConnectionOptions {
  readonly url: string;
  /** Settings of the session, `application_name` among them. */
  readonly session: Readonly<Record<string, string | number>>;
  readonly prepare: boolean;
  /** How old plans of prepared statements get, milliseconds. */
  readonly planAgeMs: number;
  /** Called once, when the connection is of no more use, with the error that it was lost by, if there was one. */
  readonly onOver: (cause?: unknown) => void;
  /** Called once, when the server has let it in. */
  readonly onReady?: () => void;
  /** Called whenever its last call is settled. */
  readonly onIdle?: () => void;
  readonly onNotify?: (channel: string, payload: string) => void;
}

/** A statement was under way when its connection was lost. */
export class LostCallError extends UnknownResultError {
  /** @param session The server's process that has it and may go on with it; null: not known. */
  constructor(message: string, readonly session: number | null, options?: ErrorOptions) {
    super(message, options);
  }
}

const CONNECT_MS_MAX = 5_000;
/** How long a clean end may take: the statements in flight, then the goodbye. */
const END_MS_MAX = 5_000;

interface Call {
  readonly text: string;
  readonly parameters: readonly Parameter[];
  /** Several statements without parameters, never prepared: sent as they are. */
  readonly isSimple: boolean;
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: unknown) => void;
}

/** A connection to be. It connects at its first call. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #client: postgres.Sql;
  readonly #calls = new Set<Call>();
  /** Not sent yet: a statement that the server does not know goes alone. */
  #waiting: Call[] = [];
  #isBlocked = false;
  readonly #known = new Set<string>();
  readonly #plans: PlanAge;
  /** The server's process; null until it has answered. */
  #session: number | null = null;
  #isReady = false;
  #isOver = false;
  #connecting: ReturnType<typeof setTimeout> | null = null;
  #onIdle: () => void = () => {};
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#plans = new PlanAge(options.planAgeMs);
    this.#client = openClient(options, {
      onReady: () => this.#onReady(),
      onClose: () => this.cut("The connection was closed"),
    });
  }

  /** The server has let it in. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** The server's process, as the driver was told; null before it has answered. */
  get session(): number | null {
    return this.#session;
  }

  /** Calls that are not settled. */
  get load(): number {
    return this.#calls.size;
  }

  /**
   * Runs one statement; the caller sees to a deadline.
   *
   * @throws {UnavailableError} The connection was lost before the statement was sent.
   * @throws {LostCallError} It was lost after that.
   */
  query(
    text: string,
    parameters: readonly Parameter[],
    isSimple = false,
  ): Promise<readonly Row[]> {
    if (this.#isOver) return Promise.reject(new UnavailableError("The connection is closed"));
    this.#connecting ??= setTimeout(() => this.cut("Cannot connect in time"), CONNECT_MS_MAX);
    if (!isSimple && this.#options.prepare && this.#plans.isOverAtRun()) {
      this.query("discard plans", [], true).catch(() => {});
    }
    return new Promise((resolve, reject) => {
      const call = { text, parameters, isSimple, resolve, reject };
      this.#calls.add(call);
      if (this.#isBlocked) this.#waiting.push(call);
      else this.#send(call);
    });
  }

  /** Ends the connection now. Every call is told what may have become of it. */
  cut(reason: string, timeoutMs = 0, cause?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#connecting ?? undefined);
    const unsent = new Set(this.#isReady ? this.#waiting : this.#calls);
    for (const call of [...this.#calls]) {
      const loss = unsent.has(call)
        ? new UnavailableError(reason)
        : new LostCallError(reason, this.#session);
      this.#settle(call, () => call.reject(loss));
    }
    this.#waiting = [];
    this.#ended = this.#client.end({ timeout: timeoutMs / 1000 }).catch(() => {});
    this.#onIdle();
    this.#options.onOver(cause);
  }

  /** Ends the connection after the calls in flight, or after five seconds. */
  async end(): Promise<void> {
    if (this.#calls.size > 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((done) => {
        this.#onIdle = done;
        timer = setTimeout(done, END_MS_MAX);
      });
      clearTimeout(timer);
    }
    this.cut("The pool was closed", END_MS_MAX);
    await this.#ended;
  }

  #send(call: Call): void {
    const { prepare } = this.#options;
    // The driver describes such a statement first and queues the rest, where a loss forgets them.
    const isAlone = !call.isSimple && (!prepare || !this.#known.has(call.text));
    this.#isBlocked = isAlone;
    const sentAt = systemClock.monotonic();
    // Said, since the driver sends whatever has no parameters as simple, planned anew each time.
    const how = { prepare, simple: call.isSimple };
    this.#client.unsafe<Row[]>(call.text, [...call.parameters], how).then(
      (rows) => {
        if (!call.isSimple) this.#known.add(call.text);
        // Several statements have several results, and none of their own.
        this.#session ??= rows.state?.pid ?? null;
        this.#plans.note(systemClock.monotonic() - sentAt);
        this.#settle(call, () => call.resolve(rows));
        if (isAlone) this.#unblock();
      },
      (error) => {
        if (!this.#isReady || isConnectionLoss(error)) return this.#lose(call, error);
        this.#settle(call, () => call.reject(error));
        if (isAlone) this.#unblock();
      },
    );
  }

  /** Before anybody hears that a call is over: what is sent on a socket that is about to close is answered never. */
  #lose(call: Call, error: unknown): void {
    const isOpen = this.#calls.delete(call);
    this.cut("The connection was lost", 0, error);
    if (!isOpen) return;
    const failure = toStoreError(error);
    const isUnknown = failure instanceof UnknownResultError;
    call.reject(
      isUnknown ? new LostCallError(failure.message, this.#session, { cause: error }) : error,
    );
  }

  #unblock(): void {
    this.#isBlocked = false;
    while (!this.#isBlocked && !this.#isOver) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#send(next);
    }
  }

  #settle(call: Call, tell: () => void): void {
    if (!this.#calls.delete(call)) return;
    tell();
    if (this.#calls.size > 0) return;
    this.#onIdle();
    if (!this.#isOver) this.#options.onIdle?.();
  }

  #onReady(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    clearTimeout(this.#connecting ?? undefined);
    this.#options.onReady?.();
  }
}

function openClient(
  { url, session, onNotify }: ConnectionOptions,
  events: { readonly onReady: () => void; readonly onClose: () => void },
): postgres.Sql {
  const options = {
    max: 1,
    // Never reached, so that nothing waits inside the driver.
    max_pipeline: 1_000_000,
    connect_timeout: CONNECT_MS_MAX / 1000,
    idle_timeout: 0,
    max_lifetime: null,
    fetch_types: false,
    onnotice: () => {},
    // The server's first words after the login.
    onparameter: events.onReady,
    onclose: events.onClose,
    ...(onNotify ? { onnotify: onNotify } : {}),
    // The driver reads no dates but these, whatever the role or the database has for its default. As the
    // server itself says it: else a pooler sets it anew before every transaction.
    connection: { TimeZone: "UTC", DateStyle: "ISO, MDY", ...session },
  };
  return clientFor(url, options);
}
