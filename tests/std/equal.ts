/**
 * Deep equality as `@std/assert` means it.
 *
 * Not `node:assert`'s: std takes 0 and -0 as the same, and an object without a prototype as equal to
 * a plain one with the same keys. It tells `{ a: undefined }` from `{}`, as node does.
 */

/** Classes whose instances are equal when they print the same. */
const PRINTABLE = [RegExp, URL, URLSearchParams, Intl.Locale];

type Entries = Map<unknown, unknown>;
type Compare = (a: unknown, b: unknown) => boolean;

/** Whether `a` and `b` are deeply equal. Cycles are followed once. */
export function equal(a: unknown, b: unknown): boolean {
  const seen = new Map<unknown, unknown>();
  const compare: Compare = (left, right) => {
    if (left === right || Object.is(left, right)) return true;
    if (!isObject(left) || !isObject(right) || !samePrototype(left, right)) return false;
    if (seen.get(left) === right) return true;
    seen.set(left, right);
    const same = equalObjects(left, right, compare);
    if (!same) seen.delete(left);
    return same;
  };
  return compare(a, b);
}

/** Whether two objects of one class hold the same. */
function equalObjects(a: object, b: object, compare: Compare): boolean {
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
  }
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (PRINTABLE.some((type) => a instanceof type)) return String(a) === String(b);
  if (a instanceof Set && b instanceof Set) {
    return equalEntries(entriesOf(a), entriesOf(b), compare);
  }
  if (a instanceof Map && b instanceof Map) return equalEntries(a, b, compare);
  if (isBinary(a) && isBinary(b)) return equalBytes(a, b);
  return equalKeys(a, b, compare);
}

/** Entries in any order: every one of `a` has its own partner in `b`. */
function equalEntries(a: Entries, b: Entries, compare: Compare): boolean {
  const free = new Map(b);
  const isPartner = (key: unknown, value: unknown, other: unknown) =>
    compare(key, other) && compare(value, free.get(other));
  return a.size === b.size && [...a].every(([key, value]) => {
    // The same key is the partner of a primitive; only objects need the search.
    if (free.has(key) && isPartner(key, value, key)) return free.delete(key);
    if (!isObject(key)) return false;
    const partner = [...free.keys()].find((other) => isPartner(key, value, other));
    return partner !== undefined && free.delete(partner);
  });
}

function equalBytes(a: ArrayBuffer | ArrayBufferView, b: ArrayBuffer | ArrayBufferView): boolean {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function equalKeys(a: object, b: object, compare: Compare): boolean {
  const [keys, others] = [keysOf(a), new Set(keysOf(b))];
  return keys.length === others.size && keys.every((key) => {
    return others.has(key) && compare(Reflect.get(a, key), Reflect.get(b, key));
  });
}

/** Enumerable own keys; of an error also what it says, which is not enumerable. */
function keysOf(value: object): PropertyKey[] {
  const own = Reflect.ownKeys(value);
  const seen = own.filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  return value instanceof Error ? [...new Set([...seen, "name", "message", "cause"])] : seen;
}

function entriesOf(values: Set<unknown>): Entries {
  return new Map([...values].map((value) => [value, value]));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isBinary(value: object): value is ArrayBuffer | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

function bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function samePrototype(a: object, b: object): boolean {
  const plain = (prototype: unknown) => prototype === null ? Object.prototype : prototype;
  return plain(Object.getPrototypeOf(a)) === plain(Object.getPrototypeOf(b));
}
