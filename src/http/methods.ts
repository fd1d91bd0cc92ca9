/** The answer of a path to a method that it does not take. */
import type { Context } from "hono";
import { MethodNotAllowedError } from "../core/errors.ts";

/** Which methods there are, for who asks by OPTIONS. @throws {MethodNotAllowedError} For every other one. */
export function otherMethod(c: Context, taken: readonly string[]): Response {
  if (c.req.method === "OPTIONS") {
    return new Response(null, {
      status: 204,
      headers: { allow: [...taken, "OPTIONS"].join(", ") },
    });
  }
  throw new MethodNotAllowedError(c.req.method.slice(0, 32), taken);
}

/** The same where a path is only looked at: it stands behind the route that takes GET. */
export function onlyGet(c: Context): Response {
  return otherMethod(c, ["GET", "HEAD"]);
}
