/**
 * What a JSON value must be before it may reach the database.
 *
 * `jsonb` refuses NUL and lone surrogates with errors that would fail a whole batch, takes `1e400`
 * and gives back `Infinity`, and runs out of stack on deep nesting. So all of it is refused here,
 * with the path of the culprit. A field that is undefined is none: types allow it where they allow
 * that it is missing, and JSON leaves it out.
 */
import type { Issue } from "./errors.ts";
import { limits } from "./limits.ts";

/** A plain JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/**
 * A value after `JSON.stringify` and back; unknown is any JSON. `Nothing` is what becomes of what JSON has
 * nothing for: null, but in an object it is missing.
 */
export type Answered<T, Nothing = null> = unknown extends T ? Json
  : [Json] extends [T] ? Json
  : T extends string | number | boolean | null ? T
  : T extends { toJSON(): infer Plain } ? Answered<Plain, Nothing>
  : T extends undefined | void | symbol | bigint | ((...args: never) => unknown) ? Nothing
  : T extends readonly unknown[] ? { [Index in keyof T]: Answered<T[Index]> }
  : { [Key in keyof T]: Answered<T[Key], undefined> };

/** The same of what the program itself has made: where the compiler was told nothing, it stays so. */
export type Kept<T> = 0 extends 1 & T ? T : Answered<T>;

/** Put beside a function that gives a T: one that gives what JSON loses is not of this type. */
export type GivesJson<T> = 0 extends 1 & T ? unknown
  : [Extract<T, Lost>] extends [never] ? unknown
  : () => "JSON: a Map, a Set, a bigint, a symbol or a function is none";

type Lost =
  | bigint
  | symbol
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ((...args: never) => unknown);

/**
 * The first thing in `value` that cannot be stored, or null.
 *
 * @param path Dotted path of `value` itself, used in the issue.
 * @param depthMax Deepest allowed nesting; a scalar has depth 0.
 */
export function findJsonIssue(
  value: unknown,
  path = "",
  depthMax: number = limits.jsonDepthMax,
): Issue | null {
  // Nearly always there is none: so no path is made until there is.
  return isStorable(value, depthMax) ? null : issueIn(value, path, depthMax);
}

function isStorable(value: unknown, depthMax: number): boolean {
  if (typeof value === "string") return isStorableText(value);
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value === "boolean" || value === null) return true;
  if (typeof value !== "object" || depthMax <= 0) return false;
  if (Array.isArray(value)) {
    // Holes are looked at too: `every` would pass over them.
    for (let i = 0; i < value.length; i++) if (!isStorable(value[i], depthMax - 1)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return false;
  const fields: Record<string, unknown> = Object(value);
  for (const key in fields) {
    const field = fields[key];
    if (field === undefined) continue;
    if (key === "__proto__" || !isStorableText(key)) return false;
    if (!isStorable(field, depthMax - 1)) return false;
  }
  return true;
}

/** Whether PostgreSQL takes a text. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** Text of somebody else's, so that it can be stored: no more than so much, NUL and halves of pairs replaced. */
export function storableText(text: string, lengthMax: number): string {
  return text.slice(0, lengthMax).toWellFormed().replaceAll("\0", "\uFFFD");
}

function issueIn(value: unknown, path: string, depthMax: number): Issue | null {
  switch (typeof value) {
    case "string":
      return textIssue(value, path);
    case "number":
      return Number.isFinite(value) ? null : { path, message: "Number is not finite" };
    case "boolean":
      return null;
    case "object":
      return value === null ? null : containerIssue(value, path, depthMax);
    default:
      return { path, message: `A ${typeof value} is not JSON` };
  }
}

/** True when the value can be stored as it is. */
export function isJson(value: unknown): value is Json {
  return findJsonIssue(value) === null;
}

/** True when `text` is longer than `bytesMax` bytes of UTF-8. */
export function exceedsBytes(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return true;
  // A UTF-16 unit is at most three bytes: only text in between pays for an encoding.
  return text.length * 3 > bytesMax && encoder.encode(text).length > bytesMax;
}

/**
 * How many digits `jsonb` adds when it writes numbers out: it gives back 1e300 as a one and three
 * hundred zeros, so that a megabyte of them would come back as forty.
 */
export function digitsAdded(json: string): number {
  let digits = 0;
  if (!/\de[+-]\d/.test(json)) return digits;
  JSON.parse(json, (_key, value) => {
    if (typeof value === "number") digits += Number(/e[+-](\d+)$/.exec(String(value))?.[1] ?? 0);
    return value;
  });
  return digits;
}

const encoder = new TextEncoder();

function containerIssue(value: object, path: string, depthMax: number): Issue | null {
  if (depthMax <= 0) return { path, message: `Nested deeper than ${limits.jsonDepthMax} levels` };
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const issue = issueIn(value[i], join(path, String(i)), depthMax - 1);
      if (issue) return issue;
    }
    return null;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    return { path, message: "Only plain objects are JSON" };
  }
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    if (key === "__proto__") return { path: join(path, key), message: "Key is not allowed" };
    const issue = textIssue(key, join(path, "(key)")) ??
      issueIn(item, join(path, key), depthMax - 1);
    if (issue) return issue;
  }
  return null;
}

function textIssue(text: string, path: string): Issue | null {
  if (text.includes("\0")) return { path, message: "Text contains a NUL character" };
  return text.isWellFormed() ? null : { path, message: "Text is not well-formed Unicode" };
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

/** JSON text of a value, the same whatever the order of its keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(",")}}`;
}
