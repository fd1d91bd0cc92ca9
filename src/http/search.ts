/** Queries of requests, read; and the route that tells their fields. */
import { z } from "@hono/zod-openapi";
import { ACTOR_FIELDS } from "../core/actor_search.ts";
import { MalformedError } from "../core/errors.ts";
import { JOB_FIELDS } from "../core/job_search.ts";
import { type Field, QueryError } from "../core/search.ts";
import { tenantOf } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";

const field = z.object({
  name: z.string(),
  kind: z.enum(["choice", "name", "text", "number", "time", "json"]),
  hint: z.string(),
  values: z.array(z.string()),
  isFlat: z.boolean(),
}).openapi("SearchField");

/** `/search/fields` */
export function searchRoutes(): Route[] {
  const fieldsOf = (fields: readonly Field[]) => {
    return fields.map(({ name, kind, hint, values = [], isFlat }) => ({
      ...{ name, kind, hint, isFlat },
      values: [...values],
    }));
  };
  const body = { jobs: fieldsOf(JOB_FIELDS), actors: fieldsOf(ACTOR_FIELDS) };
  return [
    defineRoute({
      method: "get",
      path: "/search/fields",
      summary: "The fields of `q` in `GET /jobs` and `GET /actors`, to complete what is typed",
      tag: "jobs",
      scope: "read",
      query: z.object({}),
      answers: {
        200: ["The fields", z.object({ jobs: z.array(field), actors: z.array(field) })],
      },
      handle: ({ c }) => c.json(body),
    }),
  ];
}

/**
 * The query of a call, and whose things it is about; null: the call names nobody.
 *
 * @param now Milliseconds since 1970: ages count back from it.
 * @throws {MalformedError} It cannot be read: `position` and `length` tell the word.
 */
export function readSearch<Query extends { readonly tenant: string | null }>(
  call: Call<{ tenantId?: string | undefined; q?: string | undefined }>,
  now: number,
  read: (query: string, now: number) => Query,
): { search: Query; tenantId: string | null } {
  const { q = "", tenantId } = call.query;
  try {
    const search = read(q, now);
    const named = search.tenant ?? undefined;
    if (named !== undefined && tenantId !== undefined && named !== tenantId) {
      throw new MalformedError("The query names another tenant than tenantId");
    }
    return { search, tenantId: tenantOf({ ...call, query: { tenantId: named ?? tenantId } }) };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    const { message, at: position, length } = error;
    throw new MalformedError(`Query parameter "q": ${message}`, {
      errors: [{ path: "q", message }],
      position,
      length,
    });
  }
}
