/** Errors as `application/problem+json` (RFC 9457): one table from code to status and title. */
import { getLogger } from "@logtape/logtape";
import type { Context } from "hono";
import {
  type ErrorCode,
  MethodNotAllowedError,
  PerduraError,
  RateLimitedError,
  RequestTimeoutError,
  UnauthenticatedError,
  UnavailableError,
  VersionConflictError,
} from "../core/errors.ts";
import { json } from "./envelope.ts";

const log = getLogger(["perdura", "http"]);

/** Status and title of every code: a new code without a row does not compile. */
export const problems: Readonly<Record<ErrorCode, { status: number; title: string }>> = {
  malformed: { status: 400, title: "Malformed request" },
  unauthenticated: { status: 401, title: "Authentication needed" },
  forbidden: { status: 403, title: "Not allowed" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  request_timeout: { status: 408, title: "Too slow" },
  transition_rejected: { status: 409, title: "Event not accepted in this state" },
  version_conflict: { status: 409, title: "Changed by somebody else" },
  idempotency_conflict: { status: 409, title: "Idempotency key is taken" },
  lease_lost: { status: 409, title: "Lease lost" },
  payload_too_large: { status: 413, title: "Too large" },
  unsupported_media_type: { status: 415, title: "Content type not read here" },
  invalid_input: { status: 422, title: "Invalid input" },
  unknown_type: { status: 422, title: "Unknown job type" },
  unknown_machine: { status: 422, title: "Unknown machine" },
  rate_limited: { status: 429, title: "Too many requests" },
  internal: { status: 500, title: "Internal error" },
  unavailable: { status: 503, title: "Not available now" },
};

/** The driver's own words name addresses and users: they are for the log. */
const UNAVAILABLE = "The database cannot be reached, or did not answer in time; try again";

/** The response to an error. What is not ours is logged here, once, and told to nobody. */
export function problemResponse(c: Context, error: unknown): Response {
  // RFC 9457 wants a URI reference: the path as it was sent, not as the router reads it.
  const instance = new URL(c.req.url).pathname;
  if (!(error instanceof PerduraError)) {
    const requestId = c.get("requestId");
    log.error("Request failed", { error, requestId, method: c.req.method, path: instance });
    return respond(c, { ...headOf("internal"), instance, requestId });
  }
  if (error instanceof UnavailableError) {
    log.warn("Unavailable", { reason: error.message, path: instance });
  }
  const isDrivers = error instanceof UnavailableError && error.cause !== undefined;
  const detail = isDrivers ? UNAVAILABLE : error.message;
  const body = { ...headOf(error.code), detail, instance, ...error.members };
  if (error instanceof VersionConflictError && error.conditional) {
    return respond(c, { ...body, status: 412 });
  }
  return respond(c, body, headersOf(error));
}

function headersOf(error: PerduraError): Record<string, string> {
  if (error instanceof MethodNotAllowedError) return { allow: error.allowed.join(", ") };
  // The rest of the body is not waited for.
  if (error instanceof RequestTimeoutError) return { connection: "close" };
  // RFC 9110 wants a 401 to say how one proves who one is.
  if (error instanceof UnauthenticatedError) {
    return { "www-authenticate": 'Bearer realm="perdura"' };
  }
  if (!(error instanceof UnavailableError || error instanceof RateLimitedError)) return {};
  return { "retry-after": String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))) };
}

/** What every problem of a code begins with. */
function headOf(code: ErrorCode) {
  const { status, title } = problems[code];
  return { type: `/problems/${code.replaceAll("_", "-")}`, title, status, code };
}

function respond(
  c: Context,
  body: { readonly status: number; readonly [member: string]: unknown },
  headers: Record<string, string> = {},
): Response {
  const type = { "content-type": "application/problem+json" };
  return json(c, body, body.status, { ...type, ...headers });
}
