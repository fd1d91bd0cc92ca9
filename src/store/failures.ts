/**
 * Database errors become ours here, and nowhere else: no driver error leaves `src/store/`.
 *
 * Three kinds, by what the caller may do next: `UnavailableError` (nothing was written, try later),
 * `UnknownResultError` (it may have been committed, read back first), `RefusedError` (a value in
 * this statement will never be taken).
 */
import { UnavailableError, UnknownResultError } from "../core/errors.ts";

/** PostgreSQL refuses a value for good (bad data, broken constraint). */
export class RefusedError extends Error {
  override readonly name = "RefusedError";

  constructor(readonly sqlState: string, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Serialisation failure and deadlock: rolled back whole, to be sent again. */
export function isContention(error: unknown): boolean {
  const code = codeOf(error);
  return code === "40001" || code === "40P01";
}

/** A lock could not be had in time: rolled back whole. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === "55P03";
}

/** The connection is gone, or about to be: nothing more will be answered on it. */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  return inFlight.has(code) || notSent.has(code) || goodbyes.has(code) ||
    lostStatements.has(code) || code.startsWith("08");
}

/**
 * Translates an error of one of our own statements.
 *
 * Only what is wrong with a row is that row's fate. A missing table, a lost grant or a bug of the
 * server says nothing about any job: that is for an operator to mend, and until then for everybody
 * to wait.
 */
export function toStoreError(error: unknown): Error {
  return translate(error, (code) => rowClasses.includes(code.slice(0, 2)));
}

/** Translates an error of a statement that a user wrote: the statement itself may be wrong. */
export function toUserError(error: unknown): Error {
  return translate(error, () => true);
}

function translate(error: unknown, isRefusal: (code: string) => boolean): Error {
  if (error instanceof UnavailableError || error instanceof RefusedError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (BEFORE_TLS.test(message)) {
    const reason = "the server has no TLS, which the address asks for (sslmode), or broke off";
    return new UnavailableError(`Database unavailable: ${reason}`, { cause: error });
  }
  // The server's last words do not say whether it had committed by then.
  if (inFlight.has(code) || goodbyes.has(code)) {
    return new UnknownResultError(`Connection lost with a statement in flight: ${code}`, {
      cause: error,
    });
  }
  if (notSent.has(code) || unavailableClasses.some((prefix) => code.startsWith(prefix))) {
    return new UnavailableError(`Database unavailable: ${message}`, { cause: error });
  }
  if (SQL_STATE.test(code)) {
    if (isRefusal(code)) return new RefusedError(code, message, { cause: error });
    return new UnavailableError(`Database cannot run a statement of ours (${code}): ${message}`, {
      cause: error,
    });
  }
  return error instanceof Error ? error : new Error(message, { cause: error });
}

/** In words alone it differs from a connection that was lost later: its code is ECONNRESET as well. */
const BEFORE_TLS = /before secure TLS connection was established/;

const SQL_STATE = /^[0-9A-Z]{5}$/;

const inFlight: ReadonlySet<string> = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
]);

/** Cardinality, data, integrity, limits: SQLSTATE classes of what is wrong with a value. */
const rowClasses: readonly string[] = ["21", "22", "23", "54"];

/** Prepared statements that a pooler has lost: the connection is of no more use. */
const lostStatements: ReadonlySet<string> = new Set(["26000", "42P05"]);

/** Shutdown of the server or of the session, by an administrator, a crash or an idle limit. */
const goodbyes: ReadonlySet<string> = new Set(["57P01", "57P02", "57P05"]);

const notSent: ReadonlySet<string> = new Set([
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/**
 * SQLSTATE prefixes of a server that cannot serve now: connection, contention, lock and statement
 * timeouts, resources (disk, memory, connections), shutdown, and a standby or read-only server.
 */
const unavailableClasses: readonly string[] = ["08", "40", "53", "55P03", "57", "58", "25006"];

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const code = Reflect.get(error, "code");
  return typeof code === "string" ? code : "";
}
