/** What routes read of a request: bounded JSON bodies, ids, versions, pages. */
import type { Context } from "hono";
import type { z } from "zod";
import {
  InvalidInputError,
  MalformedError,
  PayloadTooLargeError,
  UnsupportedMediaTypeError,
} from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { issuesOf } from "../core/job.ts";
import { findJsonIssue } from "../core/json.ts";
import { limits } from "../core/limits.ts";
import { Patience, type Progress } from "./patience.ts";

/** Of a larger body it is told how it comes along. */
const WHOLE_BYTES_MAX = 64 * 1024;
const patienceOfAll = new Patience();
const bytesOf = (buffer: ArrayBuffer) => new Uint8Array(buffer);

/**
 * The query, when it names only `known` parameters, each once.
 *
 * A parameter that is not known is a typing error or a wish that would not be granted: passed over,
 * a misspelt tenant would be anybody's.
 *
 * @throws {MalformedError}
 */
export function oneEach(c: Context, known: readonly string[]): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    const shown = name.slice(0, 64);
    if (!known.includes(name)) throw new MalformedError(`Unknown query parameter "${shown}"`);
    const [value = "", ...more] = values;
    if (more.length > 0) throw new MalformedError(`Query parameter "${shown}" is given twice`);
    if (value.includes("\0")) throw new MalformedError(`Query parameter "${shown}" holds NUL`);
    query[name] = value;
  }
  return query;
}

/** The query of a request whose route stands in no table. @throws {MalformedError} */
export function readQuery<Query extends z.ZodObject>(c: Context, schema: Query): z.output<Query> {
  return checkQuery(schema, oneEach(c, Object.keys(schema.shape)));
}

/** A query that is not what it should be is malformed: nothing was asked that could be granted. */
export function checkQuery<Query extends z.ZodObject>(
  schema: Query,
  given: unknown,
): z.output<Query> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new MalformedError(`Query parameter "${String(issue?.path[0])}": ${issue?.message}`);
}

/** The body as text, if it is of one of `types` and not larger than `bytesMax`. */
export async function readText(
  c: Context,
  types: readonly string[],
  bytesMax: number,
): Promise<string> {
  return decode(await readBytes(c, types, bytesMax));
}

/** The same as bytes. */
export async function readBytes(
  c: Context,
  types: readonly string[],
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const given = c.req.header("content-type") ?? "";
  const type = given.split(";")[0]?.trim().toLowerCase() ?? "";
  if (!types.includes(type)) throw new UnsupportedMediaTypeError(given, types.join(" or "));
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (encoding !== "identity") {
    throw new UnsupportedMediaTypeError(encoding, "the body as it is", "Content-Encoding");
  }
  const length = c.req.header("content-length");
  if (Number(length ?? 0) > bytesMax) throw new PayloadTooLargeError("Body", bytesMax);
  // A length is kept by whoever reads the connection, and a whole body costs a third of a stream.
  const isShort = length !== undefined && Number(length) <= WHOLE_BYTES_MAX;
  const progress: Progress = { bytes: 0 };
  const read = isShort
    ? c.req.raw.arrayBuffer().then(bytesOf, cutOff)
    : collect(c.req.raw.body, bytesMax, progress);
  const patience: Patience = c.get("patience") ?? patienceOfAll;
  const bytes = await patience.with(read, progress);
  if (bytes.length > bytesMax) throw new PayloadTooLargeError("Body", bytesMax);
  return bytes;
}

/** The body as JSON. @throws {MalformedError} */
export async function readJson(c: Context, bytesMax: number): Promise<unknown> {
  return parseJson(await readText(c, ["application/json"], bytesMax), "Body");
}

/** The same, or `{}` where the body is empty: many clients name its type on every request. */
export async function readOptionalJson(c: Context, bytesMax: number): Promise<unknown> {
  const length = c.req.header("content-length");
  if (c.req.raw.body === null || length === "0") return {};
  const isSent = ["content-type", "transfer-encoding"].some((name) => c.req.header(name));
  if (!isSent && length === undefined) return {};
  const text = await readText(c, ["application/json"], bytesMax);
  return text === "" ? {} : storable(parseJson(text, "Body"));
}

/**
 * The body as JSON that can be stored: no NUL, no lone surrogate, nothing too deep.
 *
 * @throws {MalformedError | InvalidInputError}
 */
export async function readStorableJson(c: Context, bytesMax: number): Promise<unknown> {
  return storable(await readJson(c, bytesMax));
}

function storable(body: unknown): unknown {
  const issue = findJsonIssue(body);
  if (issue) throw new InvalidInputError([issue]);
  return body;
}

/** JSON text as a value. @throws {MalformedError} */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unreadable";
    throw new MalformedError(`${what} is not JSON: ${reason.slice(0, 120)}`);
  }
}

/** Checks a value against a schema. @throws {InvalidInputError} */
export function check<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new InvalidInputError(issuesOf(parsed.error, (path) => path));
  return parsed.data;
}

/** The `{id}` of the path, in lower case. @throws {MalformedError} */
export function readId(c: Context): string {
  const id = c.req.param("id") ?? "";
  if (!isUuid(id)) throw new MalformedError(`"${id.slice(0, 64)}" is not a UUID`);
  return id.toLowerCase();
}

/** The version of `If-Match: "3"`; null without the header or for `*`. @throws {MalformedError} */
export function readIfMatch(c: Context): number | null {
  const given = c.req.header("if-match");
  if (given === undefined || given.trim() === "*") return null;
  const [, version] = /^\s*"(\d{1,9})"\s*$/.exec(given) ?? [];
  if (version === undefined) {
    throw new MalformedError('If-Match must be an ETag that was answered, such as "3"');
  }
  return Number(version);
}

/**
 * The key of `Idempotency-Key`, bare or, as its draft has it, as a text in quotes; null: there is none.
 *
 * @throws {MalformedError}
 */
export function readIdempotencyKey(c: Context): string | null {
  const given = c.req.header("idempotency-key");
  if (given === undefined) return null;
  const text = given.trim();
  const [, quoted] = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text) ?? [];
  if (text.startsWith('"') && quoted === undefined) {
    throw new MalformedError(
      'Idempotency-Key in quotes must end with one, and escape " and \\ within',
    );
  }
  const key = quoted?.replaceAll(/\\(.)/g, "$1") ?? text;
  if (!/^[\x20-\x7e]+$/.test(key) || key.length > limits.keyLengthMax) {
    throw new MalformedError(
      `Idempotency-Key must be 1 to ${limits.keyLengthMax} ASCII characters`,
    );
  }
  return key;
}

/** A chunked body names no length: it is read no further than it may be. */
async function collect(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
  progress: Progress,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const reader = body?.getReader();
  progress.stop = () => void reader?.cancel().catch(() => {});
  while (reader) {
    const { done, value } = await reader.read().catch(cutOff);
    if (done) break;
    progress.bytes += value.length;
    if (progress.bytes > bytesMax) {
      await reader.cancel();
      throw new PayloadTooLargeError("Body", bytesMax);
    }
    chunks.push(new Uint8Array(value));
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** The client is gone: nobody's defect, and not worth an error in the log. */
function cutOff(): never {
  throw new MalformedError("Body was cut off");
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new MalformedError("Body is not UTF-8");
  }
}
