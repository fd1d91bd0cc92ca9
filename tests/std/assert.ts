/**
 * The part of `@std/assert` our tests use: its names, its meaning, its messages' grammar.
 *
 * JSR is not reachable where CI runs (see `bdd.ts`). The differences between two values are printed by
 * `node:assert`, which every Deno has.
 */
import { AssertionError as NodeAssertionError } from "node:assert";
import { inspect } from "node:util";
import { equal } from "./equal.ts";

export { equal };

/** What every assertion throws. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** A class of errors, for `instanceof`. Parameters are `never`: nobody constructs one through it. */
export type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** Asserts that `condition` is truthy. */
export function assert(condition: unknown, message = ""): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Asserts deep equality. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(`Values are not equal${tail(message)}\n${difference(actual, expected)}`);
}

/** Asserts that the values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${show(actual)} not to be: ${show(expected)}${tail(message)}`,
  );
}

/** Asserts identity, as `Object.is` has it: NaN is itself, 0 is not -0. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const what = show(actual) === show(expected)
    ? "Values have the same structure but are not reference-equal"
    : "Values are not strictly equal";
  throw new AssertionError(`${what}${tail(message)}\n${difference(actual, expected)}`);
}

/** Asserts that the value is neither null nor undefined. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to not be null or undefined${tail(message)}`,
  );
}

/** Asserts that the text matches the pattern. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to match: "${expected}"${tail(message)}`,
  );
}

/** Asserts that the text contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to contain: "${expected}"${tail(message)}`,
  );
}

/** Asserts that every value of `expected` is deeply equal to some value of `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  message?: string,
): void {
  const values = Array.from(actual);
  const missing = Array.from(expected).filter((wanted) => !values.some((v) => equal(v, wanted)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${show(values)}" to include: "${show(Array.from(expected))}"` +
      `${tail(message)}\nmissing: ${show(missing)}`,
  );
}

/**
 * Asserts that `actual` holds at least what `expected` does, deeply. Of an array, the first values
 * count; of a map or set, the keys that `expected` has.
 */
export function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  message?: string,
): void {
  assertEquals(project(actual, expected), project(expected, expected), message);
}

/** Asserts `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  assert(actual > expected, message ?? `Expect ${show(actual)} > ${show(expected)}`);
}

/** Asserts `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  assert(actual >= expected, message ?? `Expect ${show(actual)} >= ${show(expected)}`);
}

/** Asserts `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, message?: string): void {
  assert(actual < expected, message ?? `Expect ${show(actual)} < ${show(expected)}`);
}

/** Asserts `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  assert(actual <= expected, message ?? `Expect ${show(actual)} <= ${show(expected)}`);
}

/** Asserts that the value is an error, of that class, whose message contains the text. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  errorClass?: ErrorClass<E>,
  includes?: string | RegExp,
  message?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throw new AssertionError(`Expected "error" to be an Error object${tail(message)}`);
  }
  if (errorClass && !(error instanceof errorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${errorClass.name}", but was ` +
        `"${error.constructor.name}"${tail(message)}\n${error.message}`,
    );
  }
  const matches = includes instanceof RegExp
    ? includes.test(error.message)
    : error.message.includes(includes ?? "");
  if (matches) return;
  throw new AssertionError(
    `Expected error message to include ${show(includes)}, but got ${show(error.message)}` +
      tail(message),
  );
}

/** Asserts that `fn` throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, message?: string): unknown;
/** Asserts that `fn` throws an error of that class, and returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: ErrorClass<E>,
  includes?: string,
  message?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMessage?: ErrorClass<Error> | string,
  includes?: string,
  message?: string,
): unknown {
  try {
    fn();
  } catch (error) {
    if (typeof classOrMessage === "function") {
      assertIsError(error, classOrMessage, includes, message);
    }
    return error;
  }
  const note = typeof classOrMessage === "string" ? classOrMessage : message;
  throw new AssertionError(`Expected function to throw${tail(note)}`);
}

/** Asserts that the promise of `fn` rejects, and returns the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
/** Asserts that the promise of `fn` rejects with an error of that class, and returns it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  includes?: string,
  message?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMessage?: ErrorClass<Error> | string,
  includes?: string,
  message?: string,
): Promise<unknown> {
  const note = typeof classOrMessage === "string" ? classOrMessage : message;
  const promise = started(fn, note);
  try {
    await promise;
  } catch (error) {
    if (typeof classOrMessage === "function") {
      assertIsError(error, classOrMessage, includes, message);
    }
    return error;
  }
  throw new AssertionError(`Expected function to reject${tail(note)}`);
}

/** Fails the test. */
export function fail(message?: string): never {
  throw new AssertionError(`Failed assertion${tail(message)}`);
}

/** Fails the test: this line must not run. */
export function unreachable(message?: string): never {
  throw new AssertionError(`Unreachable${tail(message)}`);
}

/** A function that throws at once, or returns no promise, does not reject: that is a bug of its own. */
function started(fn: () => PromiseLike<unknown>, message?: string): PromiseLike<unknown> {
  const wrong = () => new AssertionError(`Function throws when expected to reject${tail(message)}`);
  try {
    const promise: unknown = fn();
    if (isThenable(promise)) return promise;
  } catch (error) {
    throw Object.assign(wrong(), { cause: error });
  }
  throw wrong();
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}

/** What of `actual` the shape of `expected` speaks about. */
function project(actual: unknown, expected: unknown): unknown {
  if (!isNested(actual) || !isNested(expected)) return actual;
  if (actual instanceof Map && expected instanceof Map) {
    const known = [...actual].filter(([key]) => expected.has(key));
    return new Map(known.map(([key, value]) => [key, project(value, expected.get(key))]));
  }
  if (actual instanceof Set && expected instanceof Set) return actual.intersection(expected);
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.slice(0, expected.length).map((value, n) => project(value, expected[n]));
  }
  if (Array.isArray(actual) !== Array.isArray(expected)) return actual;
  const keys = Reflect.ownKeys(expected).filter((key) => Object.hasOwn(actual, key));
  return Object.fromEntries(
    keys.map((key) => [key, project(Reflect.get(actual, key), Reflect.get(expected, key))]),
  );
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    !(value instanceof RegExp || value instanceof Date);
}

function difference(actual: unknown, expected: unknown): string {
  return new NodeAssertionError({ actual, expected, operator: "deepStrictEqual" }).message;
}

function show(value: unknown): string {
  return inspect(value, { depth: 10, sorted: true });
}

function tail(message: string | undefined): string {
  return message ? `: ${message}` : ".";
}
