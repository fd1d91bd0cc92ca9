/**
 * The part of `@std/testing/mock` our tests use: a spy on a function, and how often it was called.
 *
 * No stubs: what a test wants to replace is handed in. See `bdd.ts` for why this stands in for std.
 */
import { AssertionError } from "./assert.ts";

/** One recorded call. */
export interface SpyCall<Args extends unknown[], Return> {
  args: Args;
  /** What the function returned, unless it threw. */
  returned?: Return;
  /** What the function threw. */
  error?: unknown;
}

/** A function that records every call made to it. */
export interface Spy<Args extends unknown[], Return> {
  (...args: Args): Return;
  /** The function that is being spied on. */
  readonly original: (...args: Args) => Return;
  /** The calls so far, in the order in which they ended. */
  readonly calls: SpyCall<Args, Return>[];
}

/** A spy that does nothing but record. */
export function spy(): Spy<unknown[], undefined>;
/** A spy on `original`: same arguments, same result, same error. */
export function spy<Args extends unknown[], Return>(
  original: (...args: Args) => Return,
): Spy<Args, Return>;
export function spy(
  original: (...args: unknown[]) => unknown = () => undefined,
): Spy<unknown[], unknown> {
  const calls: SpyCall<unknown[], unknown>[] = [];
  const recorder = (...args: unknown[]) => {
    try {
      const returned = original(...args);
      calls.push({ args, returned });
      return returned;
    } catch (error) {
      calls.push({ args, error });
      throw error;
    }
  };
  return Object.assign(recorder, { original, calls });
}

/** Asserts how many times the spy was called. */
export function assertSpyCalls<Args extends unknown[], Return>(
  spy: Spy<Args, Return>,
  expectedCalls: number,
): void {
  const called = spy.calls.length;
  if (called === expectedCalls) return;
  const how = called < expectedCalls ? "not called as much as" : "called more than";
  throw new AssertionError(`Spy ${how} expected: ${called} calls, wanted ${expectedCalls}`);
}
