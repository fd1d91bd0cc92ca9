/** The session of a browser, in place of a key: a cookie that is good for its own pages only. */
import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import { ForbiddenError, UnauthenticatedError } from "../core/errors.ts";
import { type Doorkeeper, permissionOf, type Permit } from "./access.ts";

/** Where a browser keeps it. */
export const SESSION_COOKIE = "perdura_session";

/** Lets in by the cookie of a session, where no credential is in the header: that is never overruled. */
export function permitSession(sessions: Pick<Doorkeeper, "admit">): Permit {
  return async (c) => {
    const token = getCookie(c, SESSION_COOKIE);
    if (token === undefined) throw new UnauthenticatedError("Send a key, or sign in");
    demandOwnOrigin(c);
    return permissionOf(await sessions.admit(token));
  };
}

/**
 * A browser sends its cookie whoever made the request: what changes something has to come from a page
 * of ours. SameSite says so as well; not every browser obeys.
 *
 * @throws {ForbiddenError} It comes from elsewhere.
 */
export function demandOwnOrigin(c: Context): void {
  if (c.req.method === "GET" || c.req.method === "HEAD") return;
  const origin = c.req.header("origin");
  // Behind a proxy that ends TLS the scheme is another; the name is what counts.
  const host = c.req.header("host") ?? new URL(c.req.url).host;
  if (origin === undefined || !URL.canParse(origin) || new URL(origin).host !== host) {
    throw new ForbiddenError("A session may be used from its own pages only");
  }
}
