/**
 * Handlers in a thread of their own: one that never ends is ended at its timeout, and the process lives.
 *
 * The thread imports the module in which the handler was declared, and runs it there; what the handler asks of
 * its context comes back here as calls. A thread serves one attempt.
 */
import { systemClock } from "../core/clock.ts";
import { GRACE_MS } from "../core/limits.ts";
import { describeError } from "../core/failure.ts";
import { GiveUp, RetryAfter, Snooze } from "../core/outcome.ts";
import type { JobError } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import type { LogLevel, TransactionSql } from "../store/store.ts";
import type { HandlerContext } from "./context.ts";
import type { Lock, LockOptions } from "./locks.ts";
import { errorOf, Peer } from "./peer.ts";

/** The result of a handler as it travels between threads. */
export type SentResult =
  | { readonly kind: "output"; readonly output: unknown }
  | { readonly kind: "snooze"; readonly delayMs: number }
  | { readonly kind: "retry_after"; readonly delayMs: number; readonly error: JobError }
  | { readonly kind: "give_up"; readonly error: JobError };

/** Which handler a thread is to run. */
export interface IsolatedCall {
  /** URL of the module that declares it. */
  readonly module: string;
  readonly type: string;
  readonly payload: unknown;
  readonly job: Omit<HandlerContext["job"], "leaseId">;
}

/** Runs one attempt in a thread; rejects as the handler does, or when the thread has been ended. */
export async function runIsolated(
  module: string,
  type: string,
  payload: unknown,
  context: HandlerContext,
): Promise<unknown> {
  const worker = new Worker(new URL("./isolate.ts", import.meta.url), {
    type: "module",
    name: type,
  });
  const over = Promise.withResolvers<never>();
  const peer: Peer = new Peer((message) => worker.postMessage(message), {
    ...serve(context, () => peer),
    exited: () => over.reject(new Error("The handler has ended its thread, and gave nothing")),
  });
  worker.onmessage = ({ data }) => peer.receive(data);
  worker.onerror = (event) => {
    event.preventDefault();
    over.reject(new Error(event.message || "The thread of the handler has failed"));
  };
  let grace: ReturnType<typeof setTimeout> | undefined;
  const onAbort = () => {
    const end = () => over.reject(context.signal.reason);
    // Asked to stop by somebody, it may tidy up; after its timeout, or without its lease, it may not.
    if (!mayTidyUp(context.signal)) return end();
    peer.call("abort").catch(() => {});
    grace = setTimeout(end, GRACE_MS);
  };
  context.signal.addEventListener("abort", onAbort, { once: true });
  if (context.signal.aborted) onAbort();
  try {
    const call: IsolatedCall = { module, type, payload, job: jobOf(context) };
    const result = peer.call<SentResult>("run", call);
    return resultOf(await Promise.race([result, over.promise]));
  } finally {
    clearTimeout(grace);
    context.signal.removeEventListener("abort", onAbort);
    peer.close(new Error("The thread of the handler has ended"));
    worker.terminate();
  }
}

function mayTidyUp({ reason }: AbortSignal): boolean {
  const text = reason instanceof Error ? reason.message : "";
  return text.endsWith("cancel") || text.endsWith("shutdown");
}

function jobOf({ job }: HandlerContext): IsolatedCall["job"] {
  const { id, tenantId, type, queue, attempt, maxAttempts, crashes } = job;
  const { createdAt, tags, metadata, version } = job;
  return {
    id,
    tenantId,
    type,
    queue,
    version,
    attempt,
    maxAttempts,
    crashes,
    createdAt,
    tags,
    metadata,
  };
}

/** What a thread may ask of its context. Functions stay there, and are called by number. */
function serve(context: HandlerContext, peerOf: () => Peer) {
  const transactions = new Map<number, TransactionSql>();
  const locks = new Map<number, Lock>();
  let next = 0;
  const within = async (sql: TransactionSql, work: number) => {
    const handle = next++;
    transactions.set(handle, sql);
    try {
      return await peerOf().call<Json>("work", work, handle);
    } finally {
      transactions.delete(handle);
    }
  };
  return {
    log: (message: string, data?: Json, level?: LogLevel) => context.log(message, data, level),
    progress: (value: Json) => context.progress(value),
    step: (name: string, work: number) =>
      context.step(name, () => peerOf().call<Json>("work", work)),
    transaction: (work: number) => context.transaction((sql) => within(sql, work)),
    stepTransaction: (name: string, work: number) =>
      context.stepTransaction(name, (sql) => within(sql, work)),
    sql: async (handle: number, strings: string[], values: never[]) => {
      const sql = transactions.get(handle);
      if (!sql) throw new Error("This transaction is over");
      const rows = await sql(Object.assign(strings, { raw: strings }), ...values);
      return rows.map((row) => ({ ...row }));
    },
    lock: async (name: string, options?: LockOptions) => {
      const lock = await context.lock(name, options);
      const handle = next++;
      locks.set(handle, lock);
      lock.signal.addEventListener("abort", () => {
        peerOf().call("lockLost", handle).catch(() => {});
      });
      return { handle, token: lock.token };
    },
    unlock: async (handle: number) => await locks.get(handle)?.release(),
  };
}

/** The result of a handler for the other thread. */
export function sentOf(result: unknown): SentResult {
  const at = new Date(systemClock.now());
  if (result instanceof Snooze) return { kind: "snooze", delayMs: result.delayMs };
  if (result instanceof RetryAfter) {
    const { delayMs } = result;
    return { kind: "retry_after", delayMs, error: describeError(result.error, at) };
  }
  if (result instanceof GiveUp) return { kind: "give_up", error: describeError(result.error, at) };
  return { kind: "output", output: result };
}

function resultOf(sent: SentResult): unknown {
  if (sent.kind === "snooze") return new Snooze(sent.delayMs);
  if (sent.kind === "retry_after") return new RetryAfter(sent.delayMs, errorOf(sent.error));
  if (sent.kind === "give_up") return new GiveUp(errorOf(sent.error));
  return sent.output;
}

/**
 * The module that calls the function in which this is called: where a handler is declared.
 *
 * @param own URL of the module that asks, which is passed over.
 */
export function callerModule(own: string): string | null {
  const stack = new Error().stack ?? "";
  for (const [, url = ""] of stack.matchAll(/((?:file|https?):\/\/[^\s)]+?):\d+:\d+/g)) {
    if (url !== own && url !== import.meta.url) return url;
  }
  return null;
}
