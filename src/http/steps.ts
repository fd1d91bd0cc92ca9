/** The past of a job or an actor as a list: its query and its pages. */
import { z } from "@hono/zod-openapi";
import { MalformedError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { pageQuery, tenantQuery, wholeText } from "./schemas.ts";

const VERSION_MAX = 2 ** 31 - 1;

/** `last`: the newest so many, however many there are. */
export const stepsQuery = z.object({
  ...tenantQuery,
  ...pageQuery,
  last: wholeText(1, limits.pageMax).optional(),
});

/** So many steps after a version; after null: the newest ones. */
export interface Stretch {
  readonly after: number | null;
  readonly limit: number;
}

/** What a query asks for. @throws {MalformedError} */
export function stretchOf(query: z.output<typeof stepsQuery>): Stretch {
  const { cursor, limit, last } = query;
  if (last !== undefined) {
    if (cursor === undefined && limit === undefined) return { after: null, limit: last };
    throw new MalformedError("last goes without cursor and limit: it says where and how many");
  }
  const after = /^\d{1,10}$/.test(cursor ?? "0") ? Number(cursor ?? 0) : Infinity;
  if (after > VERSION_MAX) throw new MalformedError("cursor is not one of ours");
  return { after, limit: limit ?? limits.pageDefault };
}

/** One page of steps; after the newest ones nothing comes. */
export function stepsPage<Step extends { readonly version: number }>(
  items: readonly Step[],
  { after, limit }: Stretch,
) {
  const last = after !== null && items.length === limit ? items.at(-1) : undefined;
  return { items, nextCursor: last ? String(last.version) : null };
}
