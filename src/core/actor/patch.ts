/**
 * The difference of two JSON values, and how to apply it.
 *
 * Source: JSON Patch (RFC 6902) with its paths (RFC 6901), of which only `add`, `remove` and `replace`
 * are written. Lists are compared place by place.
 */
import type { Json } from "../json.ts";
import { isRecord } from "./envelope.ts";

/** One change. `path` is a JSON Pointer: `/cart/items/0`. */
export type PatchStep =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string };

/** What makes `after` of `before`; empty when they are the same. */
export function diff(before: Json, after: Json): PatchStep[] {
  const steps: PatchStep[] = [];
  compare(before, after, "", steps);
  return steps;
}

/** `value` with the changes made; itself untouched. @throws {RangeError} If a path is not there. */
export function patch(value: Json, steps: readonly PatchStep[]): Json {
  return steps.reduce<Json>((whole, step) => {
    const keys = step.path.split("/").slice(1).map(unescapeKey);
    return change(whole, keys, step);
  }, value);
}

function compare(before: Json, after: Json, path: string, steps: PatchStep[]): void {
  if (before === after) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    return compareLists(before, after, path, steps);
  }
  if (!isFields(before) || !isFields(after)) {
    steps.push({ op: "replace", path, value: after });
    return;
  }
  for (const key in before) {
    if (!Object.hasOwn(after, key)) steps.push({ op: "remove", path: at(path, key) });
  }
  for (const key in after) {
    const value = after[key];
    if (value === undefined) continue;
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    if (old === undefined) steps.push({ op: "add", path: at(path, key), value });
    // Most of a snapshot is as it was: no path is made until there is something to tell.
    else if (old !== value) compare(old, value, at(path, key), steps);
  }
}

function compareLists(
  before: readonly Json[],
  after: readonly Json[],
  path: string,
  steps: PatchStep[],
): void {
  const common = Math.min(before.length, after.length);
  for (let i = 0; i < common; i++) {
    compare(before[i] ?? null, after[i] ?? null, at(path, String(i)), steps);
  }
  // From the end, so that the places of the rest stay true.
  for (let i = before.length - 1; i >= common; i--) {
    steps.push({ op: "remove", path: at(path, String(i)) });
  }
  for (let i = common; i < after.length; i++) {
    steps.push({ op: "add", path: at(path, String(i)), value: after[i] ?? null });
  }
}

function change(whole: Json, keys: readonly string[], step: PatchStep): Json {
  const [key, ...rest] = keys;
  if (key === undefined) return step.op === "remove" ? null : step.value;
  if (Array.isArray(whole)) {
    const copy: Json[] = [...whole];
    const place = Number(key);
    if (rest.length > 0) copy[place] = change(copy[place] ?? null, rest, step);
    else copy.splice(place, step.op === "add" ? 0 : 1, ...step.op === "remove" ? [] : [step.value]);
    return copy;
  }
  if (!isFields(whole)) throw new RangeError(`Cannot apply "${step.path}": there is nothing there`);
  const { [key]: old = null, ...others } = whole;
  if (rest.length > 0) return { ...whole, [key]: change(old, rest, step) };
  return step.op === "remove" ? others : { ...whole, [key]: step.value };
}

function isFields(value: Json): value is { readonly [key: string]: Json } {
  return isRecord(value);
}

function at(path: string, key: string): string {
  return `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function unescapeKey(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}
