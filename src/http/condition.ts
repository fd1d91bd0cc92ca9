/** Conditional reads: who has an answer already is told so, and not sent it again. RFC 9110, section 13.1.2. */
import type { Context } from "hono";

/** The ETag of what has a version. */
export function tagOf({ version }: { readonly version: number }): string {
  return `"${version}"`;
}

/**
 * The answer, or 304 where the sender has it by this ETag.
 *
 * @param etag Null: it may have changed under the same one.
 */
export function unlessKnown(
  c: Context,
  etag: string | null,
  answer: () => Response,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return etag !== null && isKnown(c, etag)
    ? new Response(null, { status: 304, headers: { ...headers, etag } })
    : answer();
}

/** Whether `If-None-Match` names it: a list, in which weak ones count as well. */
function isKnown(c: Context, etag: string): boolean {
  const given = c.req.header("if-none-match");
  if (given === undefined) return false;
  return given.trim() === "*" ||
    given.split(",").some((one) => one.trim().replace(/^W\//, "") === etag);
}
