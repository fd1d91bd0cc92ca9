/** The answer of paths that are only looked at to whatever is no look. */
import type { Context } from "hono";
import { MethodNotAllowedError } from "../core/errors.ts";

/** @throws {MethodNotAllowedError} Always: it stands behind the route that takes GET. */
export function onlyGet(c: Context): never {
  throw new MethodNotAllowedError(c.req.method.slice(0, 32), ["GET", "HEAD"]);
}
