/**
 * Many jobs in one call of a handler.
 *
 * Every job is an attempt of its own, with its own lease, timeout and outcome; the attempts of a type wait
 * here until a call is full or the first has waited long enough. So a call that fails, or a job that is
 * cancelled while it waits, is nothing that the rest of the worker need know about.
 */
import { z } from "zod";
import { PermanentError } from "../core/errors.ts";
import type { HandlerContext } from "./context.ts";

/** How jobs gather. */
export interface BatchSize {
  /** Most jobs per call, 1 to 1,000. No more than `WORKER_CONCURRENCY` can gather in one process. */
  readonly size: number;
  /** How long the first one waits for others, milliseconds, 0 to 60,000. */
  readonly timeoutMs: number;
}

/** One job of a call. */
export interface BatchItem<Input> {
  readonly input: Input;
  readonly context: HandlerContext;
}

/** A function for many jobs: gives what became of each, in their order. An `Error` fails that one. */
export type BatchHandle<Input, Result> = (
  items: readonly BatchItem<Input>[],
) => readonly (Result | Error)[] | Promise<readonly (Result | Error)[]>;

/** What a size may be. */
export const batchSizeSchema = z.strictObject({
  size: z.int().min(1).max(1_000),
  timeoutMs: z.int().min(0).max(60_000),
});

interface Waiting<Input, Result> extends BatchItem<Input> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** The same function for one job, which is answered when its call has ended. */
export function gathering<Input, Result>(
  { size, timeoutMs }: BatchSize,
  handle: BatchHandle<Input, Result>,
): (input: Input, context: HandlerContext) => Promise<Result> {
  let waiting: Waiting<Input, Result>[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const call = () => {
    clearTimeout(timer);
    timer = undefined;
    const items = waiting;
    waiting = [];
    if (items.length > 0) void settle(items, handle);
  };
  return (input, context) =>
    new Promise((resolve, reject) => {
      const { signal } = context;
      const one = { input, context, resolve, reject };
      // One that is told to stop while it waits must not be run.
      signal.addEventListener("abort", () => {
        waiting = waiting.filter((other) => other !== one);
        reject(signal.reason);
      }, { once: true });
      waiting.push(one);
      if (waiting.length >= size) call();
      else timer ??= setTimeout(call, timeoutMs);
    });
}

/** Never rejects. */
async function settle<Input, Result>(
  items: readonly Waiting<Input, Result>[],
  handle: BatchHandle<Input, Result>,
): Promise<void> {
  try {
    const results = await handle(items.map(({ input, context }) => ({ input, context })));
    if (!Array.isArray(results) || results.length !== items.length) {
      throw lengthError(results, items);
    }
    items.forEach(({ resolve, reject }, index) => {
      const result = results[index];
      if (result instanceof Error) reject(result);
      else resolve(result);
    });
  } catch (error) {
    for (const { reject } of items) reject(error);
  }
}

function lengthError(results: unknown, items: readonly unknown[]): Error {
  const given = Array.isArray(results) ? `${results.length} results` : typeof results;
  const error = new PermanentError(
    `A handler of ${items.length} jobs must give as many results, in their order; it gave ${given}`,
  );
  return Object.assign(error, { code: "invalid_output" });
}
