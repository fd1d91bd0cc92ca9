/** Pages of lists that are read whole, since they are short. */
import { MalformedError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { wholeText } from "./schemas.ts";
import { z } from "@hono/zod-openapi";

/** A tenant, a kind and a name. */
const CURSOR_LENGTH_MAX = 2 * limits.nameLengthMax + 16;

/** `cursor` and `limit` of a short list; without a limit it comes as a whole, up to 1000. */
export const shortListQuery = {
  cursor: z.string().max(CURSOR_LENGTH_MAX).optional(),
  limit: wholeText(1, limits.pageMax).optional(),
} as const;

/**
 * One page. `keyOf` names an item: the cursor is the name of the last one that was seen.
 *
 * @throws {MalformedError} There is no such item (any more).
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { cursor, limit = limits.pageMax }: {
    readonly cursor?: string | undefined;
    readonly limit?: number | undefined;
  },
): { items: T[]; nextCursor: string | null } {
  const from = cursor === undefined ? 0 : items.findIndex((item) => keyOf(item) === cursor) + 1;
  if (cursor !== undefined && from === 0) throw new MalformedError("cursor is not one of ours");
  const page = items.slice(from, from + limit);
  const last = page.at(-1);
  const isEnd = last === undefined || from + limit >= items.length;
  return { items: page, nextCursor: isEnd ? null : keyOf(last) };
}
