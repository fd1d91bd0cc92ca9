/** The routes of files: clients send them, jobs read them. */
import { z } from "@hono/zod-openapi";
import { InvalidInputError, MalformedError } from "../core/errors.ts";
import { findJsonIssue } from "../core/json.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import type { Files, OpenFile } from "../runtime/files.ts";
import type { StoredFile } from "../store/store.ts";
import { json } from "./envelope.ts";
import { readBytes, readId } from "./request.ts";
import { tenantOf } from "./resource.ts";
import { defineRoute, type Route } from "./route.ts";
import { fileResource, tenantQuery } from "./schemas.ts";

/** A whole file with the lines that multipart puts around it, bytes. */
const FORM_BYTES_MAX = limits.fileBytesMax + 64 * 1024;
const MEDIA_TYPE = /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/;

const query = z.object(tenantQuery);
const shared = { tag: "files", query } as const;
const form = z.strictObject({ file: z.string().openapi({ format: "binary" }) });

/** `/files` */
export function fileRoutes(files: Files): Route[] {
  return [
    defineRoute({
      ...shared,
      method: "post",
      path: "/files",
      summary: "Store a file, up to 32 MiB, for jobs to read: the part `file` of a form",
      scope: "enqueue",
      body: { "multipart/form-data": { schema: form } },
      answers: { 201: ["Stored", fileResource] },
      codes: ["payload_too_large", "unsupported_media_type", "invalid_input"],
      handle: async (call) => {
        const tenantId = tenantOf(call) ?? DEFAULT_TENANT;
        const type = call.c.req.header("content-type") ?? "";
        const bytes = await readBytes(call.c, ["multipart/form-data"], FORM_BYTES_MAX);
        const stored = await files.add({ tenantId, ...await partOf(bytes, type) });
        const location = `${call.prefix}/files/${stored.id}`;
        return json(call.c, toFile(stored), 201, { location });
      },
    }),
    defineRoute({
      ...shared,
      method: "get",
      path: "/files/{id}",
      summary: "What is known of a file",
      scope: ["read", "worker"],
      answers: { 200: ["The file, without its bytes", fileResource] },
      codes: ["not_found"],
      handle: async (call) =>
        json(call.c, toFile(await files.open(tenantOf(call), readId(call.c)))),
    }),
    defineRoute({
      ...shared,
      method: "get",
      path: "/files/{id}/content",
      summary: "The bytes of a file",
      scope: ["read", "worker"],
      answers: { 200: ["The bytes, to be saved", null] },
      codes: ["not_found"],
      handle: async (call) => contentOf(await files.open(tenantOf(call), readId(call.c))),
    }),
    defineRoute({
      ...shared,
      method: "delete",
      path: "/files/{id}",
      summary: "Delete a file",
      scope: ["enqueue", "operate"],
      audit: "file.delete",
      answers: { 204: ["Deleted", null] },
      codes: ["not_found"],
      handle: async (call) => {
        const { tenantId } = await files.remove(tenantOf(call), readId(call.c));
        call.note({ tenantId });
        return call.c.body(null, 204);
      },
    }),
  ];
}

/** The one part of the form. @throws {MalformedError | InvalidInputError} */
async function partOf(bytes: Uint8Array<ArrayBuffer>, type: string) {
  const data = await new Response(bytes, { headers: { "content-type": type } }).formData()
    .catch(() => {
      throw new MalformedError("Body is not multipart/form-data");
    });
  const others = [...data.keys()].filter((name) => name !== "file");
  const [file, ...more] = data.getAll("file");
  if (others[0] !== undefined) throw invalid(others[0].slice(0, 64), "Unknown field");
  if (!(file instanceof File) || more.length > 0) throw invalid("file", "Must be one file");
  const name = file.name.slice(0, 255);
  const issue = findJsonIssue(name, "file");
  if (issue) throw new InvalidInputError([issue]);
  const mediaType = MEDIA_TYPE.test(file.type) ? file.type : "application/octet-stream";
  return { name, mediaType, bytes: await file.bytes() };
}

function invalid(path: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path, message }]);
}

/** Never shown, always saved: what somebody has sent must not run in a page of ours. */
function contentOf(file: OpenFile): Response {
  const name = encodeURIComponent(file.name).replaceAll(/['()*]/g, percent);
  return new Response(ReadableStream.from(file.pieces()), {
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(file.size),
      "content-disposition": `attachment; filename*=UTF-8''${name}`,
    },
  });
}

function percent(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16)}`;
}

function toFile({ id, tenantId, name, mediaType, size, createdAt }: StoredFile) {
  return { fileId: id, tenantId, name, mediaType, size, createdAt };
}
