/** One endpoint per registered type: the payload in the document has the schema of its handler. */
import { z } from "@hono/zod-openapi";
import { jobOptions } from "../core/job.ts";
import { UnknownTypeError } from "../core/errors.ts";
import type { Handler } from "../runtime/handlers.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { respondWithCreated } from "./jobs.ts";
import { readNewJob } from "./new_job.ts";
import { check } from "./request.ts";
import { defineRoute, type Route } from "./route.ts";
import { createdResource, tenantQuery, waitText } from "./schemas.ts";

const bodySchema = z.strictObject({ payload: z.unknown().optional(), ...jobOptions }).partial();
const query = z.object({ ...tenantQuery, wait: waitText.optional() });

/** `POST /types/{type}/jobs`, for the types that are registered. */
export function typeRoutes(jobs: Jobs): Route[] {
  return [...jobs.host.handlers.values()].map((handler) =>
    defineRoute({
      method: "post",
      path: `/types/${encodeURIComponent(handler.type)}/jobs`,
      summary: `Store a job of type ${handler.type}`,
      tag: "types",
      scope: "enqueue",
      query,
      idempotencyKey: true,
      body: { "application/json": { schema: { ...shapeOf(handler) } } },
      answers: {
        200: ["The job that has the key, or, with `wait`, the finished job", createdResource],
        201: ["Stored", createdResource],
        202: ["Stored; not finished within `wait`", createdResource],
      },
      codes: [
        "idempotency_conflict",
        "payload_too_large",
        "unsupported_media_type",
        "invalid_input",
        "rate_limited",
      ],
      handle: async (call) => {
        const body = await readNewJob(call);
        check(z.looseObject({ type: z.never("The path names it").optional() }), body);
        const created = await jobs.create({ ...Object(body), type: handler.type });
        return await respondWithCreated(call, jobs, created);
      },
    })
  );
}

/** Every other type is a 422 that names the known ones. */
export function unknownType(jobs: Jobs, type: string): never {
  throw UnknownTypeError.of(type.slice(0, 128), "type", [...jobs.host.handlers.keys()]);
}

/** The body as JSON Schema. What zod cannot say in it (a transform) is left open. */
function shapeOf({ input }: Handler): Record<string, unknown> {
  const { $schema: _, ...shape } = z.toJSONSchema(bodySchema, options);
  const { $schema: __, ...payload } = z.toJSONSchema(input, options);
  return { ...shape, properties: { ...shape.properties, payload } };
}

/** Linters of OpenAPI take words of our own by this prefix alone. */
const options: Parameters<typeof z.toJSONSchema>[1] = {
  io: "input",
  unrepresentable: "any",
  override: ({ jsonSchema }) => {
    if (jsonSchema.sensitive === undefined) return;
    jsonSchema["x-sensitive"] = jsonSchema.sensitive;
    delete jsonSchema.sensitive;
  },
};
