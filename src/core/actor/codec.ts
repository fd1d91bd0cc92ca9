/**
 * JSON that keeps what plain JSON loses.
 *
 * Dates, maps, sets, `undefined`, big integers, NaN and the infinities, errors, regular expressions,
 * addresses (`URL`) and bytes become `{ "$": "<kind>", "v": … }`; an object that has a key `$` of its
 * own is wrapped, so that nothing a client sends can pass for one. The text is fit for `jsonb`: NUL
 * and lone surrogates, which PostgreSQL refuses, are escaped. Functions, symbols, class instances and
 * cycles are refused with the path of the culprit.
 *
 * Shared references become copies. Both directions copy: the result shares nothing with its source.
 */
import type { Json } from "../json.ts";
import { decodeError, encodeError } from "./codec_error.ts";

/** The key that marks an encoded value. */
export const TAG = "$";

/** Deeper than any honest context, and far from the end of the stack. */
const DEPTH_MAX = 200;

/** A value that has no JSON form, or JSON that no value has. `path` is dotted, from the root. */
export class CodecError extends Error {
  override readonly name = "CodecError";

  constructor(readonly path: string, readonly reason: string) {
    super(`${path || "value"}: ${reason}`);
  }
}

/** The address behind an actor reference, or undefined of any other object. */
export type RefOf = (value: object) => RefJson | undefined;

/** The reference for an address. */
export type RefFrom = (ref: RefJson) => unknown;

/** An actor reference as data. `gen` tells incarnations of one child apart. */
export interface RefJson {
  readonly address: string;
  readonly gen?: number;
}

/** The walk: where it is, for the error; and how to name actors. */
interface Walk {
  readonly trail: string[];
  readonly refOf?: RefOf | undefined;
  readonly refFrom?: RefFrom | undefined;
}

/**
 * A JSON copy of `value`.
 *
 * @param path What to call the root in an error: `context`, `event`.
 * @throws {CodecError}
 */
export function encode(value: unknown, path = "", refOf?: RefOf): Json {
  const walk: Walk = { trail: path === "" ? [] : [path], refOf };
  return encodeValue(value, walk);
}

/**
 * The value that `encode` was given. Plain JSON decodes to a copy of itself.
 *
 * @throws {CodecError}
 */
export function decode(value: unknown, path = "", refFrom?: RefFrom): unknown {
  const walk: Walk = { trail: path === "" ? [] : [path], refFrom };
  return decodeValue(value, walk);
}

function encodeValue(value: unknown, walk: Walk): Json {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() && !value.includes("\0")
        ? value
        : tagged("String", escape(value));
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      return tagged("Number", Object.is(value, -0) ? "-0" : String(value));
    case "undefined":
      return { [TAG]: "undefined" };
    case "bigint":
      return tagged("BigInt", String(value));
    case "object":
      return value === null ? null : encodeObject(value, walk);
    default:
      return refuse(walk, `A ${typeof value} cannot be stored`);
  }
}

function encodeObject(value: object, walk: Walk): Json {
  if (walk.trail.length > DEPTH_MAX) return refuseDeep(walk);
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return encodePlain(value, walk);
  if (Array.isArray(value)) return encodeItems(value, walk);
  const ref = walk.refOf?.(value);
  if (ref) return tagged("ActorRef", refJson(ref));
  return encodeKnown(value, walk) ??
    refuse(walk, `An instance of ${nameOf(value)} cannot be stored`);
}

/** More may be known of an actor in this process; this is what others can use. */
function refJson({ address, gen }: RefJson): Json {
  return gen === undefined ? { address } : { address, gen };
}

function encodeKnown(value: object, walk: Walk): Json | undefined {
  if (value instanceof Date) {
    // An invalid date has no ISO form.
    return tagged("Date", Number.isNaN(value.getTime()) ? null : value.toISOString());
  }
  if (value instanceof Map) {
    return tagged("Map", encodeItems([...value].map(([key, item]) => [key, item]), walk));
  }
  if (value instanceof Set) return tagged("Set", encodeItems([...value], walk));
  if (value instanceof Error) {
    return tagged(
      "Error",
      encodeError(value, (part) => attempt(part, walk)),
    );
  }
  if (value instanceof RegExp) return tagged("RegExp", [value.source, value.flags]);
  if (value instanceof URL) return tagged("URL", value.href);
  if (value instanceof Uint8Array) return tagged("Bytes", toBase64(value));
  return undefined;
}

function encodeItems(items: readonly unknown[], walk: Walk): Json[] {
  const copy: Json[] = [];
  // By index: a hole is an `undefined`.
  for (let i = 0; i < items.length; i++) copy.push(encodeAt(String(i), items[i], walk));
  return copy;
}

/** The fields of a plain object, wrapped if one of them is the tag. */
function encodePlain(value: object, walk: Walk): Json {
  const copy: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === "__proto__" || key.includes("\0") || !key.isWellFormed()) {
      refuse(walk, `The key ${JSON.stringify(key)} cannot be stored`);
    }
    copy[key] = encodeAt(key, item, walk);
  }
  if (Object.getOwnPropertySymbols(value).length > 0) refuse(walk, "A symbol cannot be stored");
  return TAG in copy ? tagged("Object", copy) : copy;
}

function encodeAt(key: string, value: unknown, walk: Walk): Json {
  // Scalars need no trail, and most values are scalars.
  if (typeof value === "number" && Number.isFinite(value) && value !== 0) return value;
  if (typeof value === "boolean" || value === null) return value;
  walk.trail.push(key);
  const json = encodeValue(value, walk);
  walk.trail.pop();
  return json;
}

function decodeValue(value: unknown, walk: Walk): unknown {
  if (value === null || typeof value !== "object") return value;
  if (walk.trail.length > DEPTH_MAX) return refuseDeep(walk);
  if (Array.isArray(value)) return value.map((item, i) => decodeAt(String(i), item, walk));
  const prototype = Object.getPrototypeOf(value);
  // Not from JSON, but from a caller who has the value itself.
  if (prototype !== Object.prototype && prototype !== null) return value;
  const kind: unknown = Reflect.get(value, TAG);
  return typeof kind === "string" && kinds.has(kind)
    ? decodeKind(kind, Reflect.get(value, "v"), walk)
    : decodePlain(value, walk);
}

function decodePlain(value: object, walk: Walk): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === "__proto__") refuse(walk, `The key "__proto__" cannot be stored`);
    copy[key] = decodeAt(key, item, walk);
  }
  return copy;
}

const kinds: ReadonlySet<string> = new Set([
  ...["undefined", "Number", "BigInt", "String", "Object", "Date", "Map", "Set", "Error"],
  ...["RegExp", "URL", "Bytes", "ActorRef"],
]);

function decodeKind(kind: string, v: unknown, walk: Walk): unknown {
  try {
    return revive(kind, v, walk);
  } catch (error) {
    if (error instanceof CodecError) throw error;
    return refuse(walk, `Not an encoded ${kind}`);
  }
}

function revive(kind: string, v: unknown, walk: Walk): unknown {
  switch (kind) {
    case "undefined":
      return undefined;
    case "Number":
      return Number(v);
    case "BigInt":
      return BigInt(String(v));
    case "String":
      return JSON.parse(`"${v}"`);
    case "Object":
      return decodePlain(Object(v), walk);
    case "Date":
      return new Date(v === null ? Number.NaN : String(v));
    case "Map":
      return new Map(itemsOf(v, walk).map((pair) => pairOf(pair, walk)));
    case "Set":
      return new Set(itemsOf(v, walk));
    case "Error":
      return decodeError(v, (part) => decodeValue(part, walk));
    case "RegExp":
      return Array.isArray(v)
        ? new RegExp(String(v[0]), String(v[1]))
        : refuse(walk, "Not a RegExp");
    case "URL":
      return new URL(String(v));
    case "Bytes":
      return Uint8Array.from(atob(String(v)), (char) => char.charCodeAt(0));
    default:
      return decodeRef(v, walk);
  }
}

function decodeRef(v: unknown, walk: Walk): unknown {
  const address: unknown = Reflect.get(Object(v), "address");
  const gen: unknown = Reflect.get(Object(v), "gen");
  if (typeof address !== "string" || !walk.refFrom) return refuse(walk, "No actor is known here");
  return walk.refFrom({ address, ...typeof gen === "number" && { gen } });
}

function itemsOf(v: unknown, walk: Walk): unknown[] {
  return Array.isArray(v)
    ? v.map((item, i) => decodeAt(String(i), item, walk))
    : refuse(walk, "No list");
}

function pairOf(pair: unknown, walk: Walk): [unknown, unknown] {
  return Array.isArray(pair) ? [pair[0], pair[1]] : refuse(walk, "Not an entry of a Map");
}

function decodeAt(key: string, value: unknown, walk: Walk): unknown {
  if (value === null || typeof value !== "object") return value;
  walk.trail.push(key);
  const item = decodeValue(value, walk);
  walk.trail.pop();
  return item;
}

/** What cannot be stored, by whatever reason, is undefined. */
function attempt(value: unknown, walk: Walk): Json | undefined {
  const { length } = walk.trail;
  try {
    return encodeValue(value, walk);
  } catch {
    walk.trail.length = length;
    return undefined;
  }
}

/** Throws, naming where the walk is. */
function refuse(walk: Walk, reason: string): never {
  throw new CodecError(walk.trail.join("."), reason);
}

function refuseDeep(walk: Walk): never {
  // A cycle has no end, and a path of two hundred names tells nobody anything.
  const path = [...walk.trail.slice(0, 6), "…"].join(".");
  throw new CodecError(path, `A cycle, or nested deeper than ${DEPTH_MAX} levels`);
}

function tagged(kind: string, v: Json): Json {
  return { [TAG]: kind, v };
}

/** JSON's own escapes, twice: the outer text holds no character that `jsonb` refuses. */
function escape(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function nameOf(value: object): string {
  const name: unknown = Reflect.get(Object(Reflect.get(value, "constructor")), "name");
  return typeof name === "string" && name !== "" ? name : "a class";
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
