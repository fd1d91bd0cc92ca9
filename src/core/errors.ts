/**
 * Typed errors with a closed set of codes: what a caller can expect and handle.
 *
 * One class per different thing the catcher does; the data is in fields, never parsed from text.
 * Anything else that is thrown is a defect and ends as a bare `internal`.
 */
import { limits } from "./limits.ts";

/** The closed set of error codes; part of the public contract. */
export type ErrorCode =
  | "malformed"
  | "invalid_input"
  | "unknown_type"
  | "unknown_machine"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "transition_rejected"
  | "version_conflict"
  | "idempotency_conflict"
  | "request_timeout"
  | "payload_too_large"
  | "unsupported_media_type"
  | "rate_limited"
  | "unavailable"
  | "lease_lost"
  | "internal";

/** One thing wrong with an input, by its dotted path (`jobs.3.payload.to`). */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** Base of every expected error. `members` are the extension members of the problem document. */
export abstract class PerduraError extends Error {
  abstract readonly code: ErrorCode;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(message: string, members: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.members = members;
  }
}

/** Not JSON, not a UUID, not a known query parameter. */
export class MalformedError extends PerduraError {
  readonly code = "malformed";
}

/** A request that takes too long to be sent. */
export class RequestTimeoutError extends PerduraError {
  readonly code = "request_timeout";
}

/** Well-formed, but not what is wanted. `issues` name each field, up to a bounded number. */
export class InvalidInputError extends PerduraError {
  readonly code = "invalid_input";
  readonly issues: readonly Issue[];

  constructor(issues: readonly Issue[]) {
    const [first] = issues;
    const named = issues.slice(0, limits.issuesMax);
    super(first ? `${first.path || "body"}: ${first.message}${moreOf(issues)}` : "Invalid input", {
      errors: named,
    });
    this.issues = named;
  }
}

/** No handler of a type is registered here. `issues` name each place where one stood, up to a bounded number. */
export class UnknownTypeError extends PerduraError {
  readonly code = "unknown_type";
  readonly issues: readonly Issue[];

  constructor(issues: readonly Issue[]) {
    const [first] = issues;
    const named = issues.slice(0, limits.issuesMax);
    super(`${first?.message ?? "Unknown job type"}${moreOf(issues)}`, { errors: named });
    this.issues = named;
  }

  /** One type, at one place. */
  static of(type: string, path: string, known: readonly string[]): UnknownTypeError {
    const message = `Unknown job type "${type}"; known: ${known.join(", ") || "none"}`;
    return new UnknownTypeError([{ path, message }]);
  }
}

function moreOf({ length }: readonly Issue[]): string {
  return length > 1 ? ` (and ${length - 1} more)` : "";
}

/** No machine of this name is registered here. */
export class UnknownMachineError extends PerduraError {
  readonly code = "unknown_machine";

  constructor(machine: string, path: string, known: readonly string[]) {
    const message = `Unknown machine "${machine}"; known: ${known.join(", ") || "none"}`;
    super(message, { errors: [{ path, message }] });
  }
}

/** No such thing for this caller. */
export class NotFoundError extends PerduraError {
  readonly code = "not_found";

  constructor(what: string, id: string) {
    super(`No ${what} "${id}"`);
  }
}

/** The route is there, but not for this method. `allowed`: those that it takes. */
export class MethodNotAllowedError extends PerduraError {
  readonly code = "method_not_allowed";
  readonly allowed: readonly string[];

  constructor(method: string, allowed: readonly string[]) {
    super(`${method} is not for this route; it takes ${allowed.join(", ")}`, { allowed });
    this.allowed = allowed;
  }
}

/** Nobody, or nobody that is known here. */
export class UnauthenticatedError extends PerduraError {
  readonly code = "unauthenticated";
}

/** The caller may not do this. */
export class ForbiddenError extends PerduraError {
  readonly code = "forbidden";
}

/** The machine does not accept the event in this state. */
export class TransitionRejectedError extends PerduraError {
  readonly code = "transition_rejected";

  constructor(
    state: string,
    version: number,
    event: string,
    accepts: readonly string[],
    detail?: string,
  ) {
    const may = accepts.length > 0 ? accepts.join(", ") : "nothing";
    super(detail ?? `A job in state "${state}" does not accept ${event}; it accepts ${may}`, {
      state,
      version,
      event,
      accepts,
    });
  }
}

/** Somebody else changed it first. `conditional`: the caller sent If-Match. */
export class VersionConflictError extends PerduraError {
  readonly code = "version_conflict";
  readonly conditional: boolean;

  constructor(expected: number, actual: number, conditional: boolean) {
    super(`Expected version ${expected}, but it is ${actual}`, { expected, actual });
    this.conditional = conditional;
  }
}

/** The idempotency key belongs to a job with another payload, or is held by another job. */
export class IdempotencyConflictError extends PerduraError {
  readonly code = "idempotency_conflict";

  constructor(key: string, existing: string, message?: string) {
    super(message ?? `Idempotency key "${key}" belongs to job ${existing}`, { existing });
  }
}

/** Larger than the limit, in bytes. */
export class PayloadTooLargeError extends PerduraError {
  readonly code = "payload_too_large";

  constructor(readonly what: string, readonly limit: number) {
    super(`${what} is larger than ${limit} bytes`, { limit });
  }
}

/** The body is not of a content type that this route reads. */
export class UnsupportedMediaTypeError extends PerduraError {
  readonly code = "unsupported_media_type";

  constructor(given: string, wanted: string, header = "Content-Type") {
    super(`${header} "${given || "(none)"}" is not read here; send ${wanted}`);
  }
}

/** Not now: there is as much as may be. */
export class RateLimitedError extends PerduraError {
  readonly code = "rate_limited";
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * The database cannot be reached, or did not answer in time; or too many want the same. Nothing was
 * promised. What a driver said is in it only together with its `cause`.
 */
export class UnavailableError extends PerduraError {
  readonly code = "unavailable";
  readonly retryAfterMs: number;

  constructor(message: string, options?: ErrorOptions & { readonly retryAfterMs?: number }) {
    super(message, {}, options);
    this.retryAfterMs = options?.retryAfterMs ?? 1000;
  }
}

/** The answer to a write was lost: it may or may not have been committed. */
export class UnknownResultError extends UnavailableError {
  /** Nothing of it is under way any more: who looks now sees for good whether it was committed. */
  readonly isSettled: boolean;

  constructor(message: string, options?: ErrorOptions & { readonly isSettled?: boolean }) {
    super(message, options);
    this.isSettled = options?.isSettled ?? false;
  }
}

/** The lease was taken over: the holder of the old version may write nothing. */
export class LeaseLostError extends PerduraError {
  readonly code = "lease_lost";

  constructor(jobId: string, version: number) {
    super(`Lease of job ${jobId} at version ${version} was lost`);
  }
}

/** `context.lock`: somebody else has it. A handler that throws it is run again later, and no attempt is spent. */
export class LockTakenError extends Error {
  override readonly name = "LockTakenError";
  readonly code = "lock_taken";
  /** Of the lock. */
  readonly lock: string;

  constructor(lock: string) {
    super(`Lock "${lock}" is held by another attempt`);
    this.lock = lock;
  }
}

/** Thrown by a handler: do not retry, go straight to dead_letter. */
export class PermanentError extends Error {
  readonly retryable = false;
  override readonly name = "PermanentError";
}

/** The process has died, as far as this call can tell: whose fault it is nobody asks. Only a test throws it. */
export class CrashError extends Error {
  override readonly name = "CrashError";
}
