/** Handlers: one function per job type, its input checked by zod, its retry policy beside it. */
import { z } from "zod";
import type { Backoff } from "../core/backoff.ts";
import { sealedUnder } from "../core/cipher.ts";
import { type Issue, PermanentError } from "../core/errors.ts";
import { type DeclaredBreaker, declaredBreakerSchema } from "../core/breaker.ts";
import { nameSchema } from "../core/forms.ts";
import { issuesOf } from "../core/job.ts";
import { declaredLimitsSchema } from "../core/gate.ts";
import { limits } from "../core/limits.ts";
import { demandOptions, optionsOf } from "../core/options.ts";
import { type GiveUp, isOutcome, type RetryAfter, type Snooze } from "../core/outcome.ts";
import { type Redactor, redactorOf } from "../core/redaction.ts";
import type { DeclaredLimits } from "../store/store.ts";
import type { HandlerContext } from "./context.ts";
import { type BatchHandle, type BatchSize, batchSizeSchema, gathering } from "./gathering.ts";
import { callerModule, runIsolated } from "./isolation.ts";

/** How often jobs of a type start, and how many run at once. */
export type HandlerLimits = z.input<typeof declaredLimitsSchema>;

/** What a retry policy may say about one error. */
export type RetryAdvice = "retry" | "give_up" | { readonly delayMs: number };

/** Retries of a type. What is left out comes from the settings. */
export interface RetryPolicy extends Partial<Backoff> {
  readonly maxAttempts?: number;
  readonly maxCrashes?: number;
  /** Looks at what was thrown. Default: retry, unless the error says `retryable: false`. */
  readonly on?: (error: unknown) => RetryAdvice;
}

/** What a handler may return: its output, or what to do instead. */
export type HandlerResult<Output> = Output | Snooze | RetryAfter | GiveUp;

/**
 * What `defineHandler` takes.
 *
 * `Batch` chooses between one job per call, whose result is an `Output`, and many, of which each gives an
 * `Each`. They are two, and this is one type, so that a mistake is told where it stands: of overloads
 * the compiler tells what is wrong with every one of them.
 */
export interface HandlerDefinition<
  Type extends string,
  Input extends z.ZodType,
  Output,
  Batch extends BatchSize | undefined = undefined,
  Each = unknown,
> {
  readonly type: Type;
  readonly input: Input;
  /**
   * What the handler gives. A result that does not fit is a failure for good, code `invalid_output`;
   * that of `context.transaction` is committed by then, and is not checked.
   */
  readonly output?: [Batch] extends [BatchSize] ? z.ZodType<Each> : z.ZodType<Output>;
  readonly retry?: RetryPolicy;
  /** Longest attempt, milliseconds. Default 15 minutes. */
  readonly timeoutMs?: number;
  /** Of the type, in all tenants together, until an operator sets others. */
  readonly limits?: HandlerLimits;
  /**
   * Stops the starts after `failures` attempts have failed within `windowMs`, for `openMs`; then lets `probes`
   * (default 1) start to find out. A failure that no retry could mend does not count: it says nothing of what
   * the handler talks to. `per`: `"type"` (the default), or `"key"`: one for each limit key.
   */
  readonly breaker?: z.input<typeof declaredBreakerSchema>;
  /**
   * Runs it in a thread of its own, which is ended at the timeout, whatever it is doing; then the attempt has
   * failed. The thread imports the module in which the handler is declared, so declare it at the top of one.
   * Input and output are cloned. `module`: the URL of that module, where it cannot be told from the stack.
   * Not beside `batch`: jobs of a call share a thread.
   */
  readonly isolate?: [Batch] extends [BatchSize] ? undefined
    : boolean | { readonly module: string };
  /** How many jobs a call takes; left out: one. */
  readonly batch?: Batch;
  /** Runs a job; with `batch`, gives what became of each of many, in their order. */
  readonly handle: [Batch] extends [BatchSize] ? BatchHandle<z.output<Input>, HandlerResult<Each>>
    : SingleHandle<z.output<Input>, HandlerResult<Output>>;
}

/** Runs one job; what it gives becomes the output, or is one of the outcomes. */
export type SingleHandle<Input, Result> = (
  input: Input,
  context: HandlerContext,
) => Result | Promise<Result>;

/** A handler that takes many jobs at once: see `BatchSize`. */
export interface BatchHandlerDefinition<Type extends string, Input extends z.ZodType, Output>
  extends HandlerDefinition<Type, Input, unknown, BatchSize, Output> {
  readonly batch: BatchSize;
}

/** A checked payload, or what is wrong with it. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * A handler as the worker sees it: its function is sealed inside.
 *
 * `Input` is what a job of the type is sent with, `Output` what it gives.
 */
export interface Handler<Type extends string = string, Input = unknown, Output = unknown> {
  readonly type: Type;
  /** For the compiler alone: never there. */
  readonly shape?: { readonly input: Input; readonly output: Output };
  readonly retry: RetryPolicy;
  readonly timeoutMs: number | null;
  readonly limits: DeclaredLimits["limits"];
  /** Null: its failures stop nothing. */
  readonly breaker: DeclaredBreaker | null;
  /** The schema of its payload. */
  readonly input: z.ZodType;
  /** Whether jobs of a partition are for it; left out: all are. */
  readonly serves?: (partitionKey: string | null) => boolean;
  /** Hides what `sensitive` marks in its payload; null: nothing. */
  readonly payloadRedactor?: Redactor | null;
  /** The same of what it gives. */
  readonly outputRedactor?: Redactor | null;
  /** Issues of a payload, by paths below `path`; empty when it is fine. */
  check(payload: unknown, path: string): readonly Issue[];
  /** Checks the payload and runs. */
  run(payload: unknown, context: HandlerContext): Checked<unknown>;
}

/**
 * Declares the handler of a job type. A new handler is one file and one line in a list.
 *
 * A handler may run more than once: make it idempotent, or write through `context.transaction`. With
 * `batch` it is called with many jobs, and gives an outcome for each.
 *
 * @throws {TypeError} A type that no job could have, no schema, or no function.
 * @throws {InvalidInputError} An option is unknown, or not what it should be.
 */
export function defineHandler<
  const Type extends string,
  Input extends z.ZodType,
  Output,
  Each = unknown,
  Batch extends BatchSize | undefined = undefined,
>(
  definition: HandlerDefinition<Type, Input, Output, Batch, Each>,
): Handler<Type, z.input<Input>, [Batch] extends [BatchSize] ? Each : Output>;
export function defineHandler<Type extends string, Input extends z.ZodType, Output>(
  definition:
    | HandlerDefinition<Type, Input, Output>
    | BatchHandlerDefinition<Type, Input, Output>,
): Handler<Type, z.input<Input>, Output> {
  demandWhole(definition);
  demandOptions(definitionSchema, definition, `handler "${definition.type}"`);
  const { type, input, output, retry = {}, timeoutMs = null } = definition;
  const limits = definition.limits ? declaredLimitsSchema.parse(definition.limits) : null;
  const single = definition.batch
    ? gathering(batchSizeSchema.parse(definition.batch), definition.handle)
    : definition.handle;
  const handle = output ? checkingOutput(single, output) : single;
  const breaker = definition.breaker ? declaredBreakerSchema.parse(definition.breaker) : null;
  const module = definition.isolate ? moduleOf(definition.isolate) : null;
  if (module !== null) {
    isolated.set(type, (payload, context) => handle(input.parse(payload), context));
  }
  return {
    type,
    retry,
    timeoutMs,
    limits,
    breaker,
    input,
    payloadRedactor: redactorOf(input),
    outputRedactor: output ? redactorOf(output) : null,
    check(payload, path) {
      const unread = unreadIssues(payload, path);
      if (unread.length > 0) return unread;
      const parsed = input.safeParse(payload);
      return parsed.success ? [] : issuesBelow(parsed.error, path);
    },
    run(payload, context) {
      const unread = unreadIssues(payload, "payload");
      if (unread.length > 0) return { ok: false, issues: unread };
      const parsed = input.safeParse(payload);
      if (!parsed.success) return { ok: false, issues: issuesBelow(parsed.error, "payload") };
      if (module === null) return { ok: true, value: handle(parsed.data, context) };
      return { ok: true, value: runIsolated(module, type, payload, context) };
    },
  };
}

/** A ciphertext whose key is not here is nobody's input, even where the schema takes anything. */
export function unreadIssues(payload: unknown, path: string): Issue[] {
  const key = sealedUnder(payload);
  return key === null ? [] : [{ path, message: `Encrypted under key "${key}", which is not here` }];
}

/** Said where it is declared: a type that is no name would wait for jobs that nobody can send. */
function demandWhole({ type, input, handle }: Readonly<Record<keyof typeof WHOLE, unknown>>): void {
  const name = nameSchema.safeParse(type);
  if (!name.success) throw new TypeError(`${WHOLE.type}: ${name.error.issues[0]?.message}`);
  const about = `${String(type)}: ${WHOLE.input}`;
  if (typeof Object(input).safeParse !== "function") throw new TypeError(about);
  if (typeof handle !== "function") throw new TypeError(`${String(type)}: ${WHOLE.handle}`);
}

const WHOLE = {
  type: "The type of a handler is a name",
  input: "A handler needs a zod schema as its input",
  handle: "A handler needs a function as its handle",
} as const;

type Handle = (payload: unknown, context: HandlerContext) => unknown;

/** What runs in threads, by type: each thread has its own, and imports what fills it. */
const isolated = new Map<string, Handle>();

/** The function of an isolated handler that this thread has imported. */
export function declaredHandler(type: string): Handle | undefined {
  return isolated.get(type);
}

function moduleOf(isolate: true | { readonly module: string }): string {
  const module = isolate === true ? callerModule(import.meta.url) : isolate.module;
  if (module === null) throw new TypeError("Say isolate: { module: import.meta.url }");
  return module;
}

const growth = z.int().min(1).max(limits.delayMsMax).optional();

const anything = z.unknown().optional();

/** An option that is misspelt, or cannot be carried out, is a mistake of the program, told at its start. */
const definitionSchema = optionsOf({
  ...{ type: anything, input: anything, output: anything, handle: anything, isolate: anything },
  retry: optionsOf({
    maxAttempts: z.int().min(1).max(limits.attemptsMax).optional(),
    maxCrashes: z.int().min(1).max(limits.crashesMax).optional(),
    baseMs: growth,
    factor: z.number().min(1).max(10).optional(),
    capMs: growth,
    on: anything,
  }).optional(),
  timeoutMs: z.int().min(1).max(limits.timeoutMsMax).nullable().optional(),
  limits: declaredLimitsSchema.optional(),
  breaker: declaredBreakerSchema.optional(),
  batch: batchSizeSchema.optional(),
});

/** The same function, with its results checked. */
function checkingOutput<Input, Output>(
  handle: (input: Input, context: HandlerContext) => unknown,
  output: z.ZodType<Output>,
): (input: Input, context: HandlerContext) => Promise<unknown> {
  return async (input, context) => {
    const result = await handle(input, context);
    if (isOutcome(result)) return result;
    const parsed = output.safeParse(result);
    if (parsed.success) return parsed.data;
    const [issue] = issuesBelow(parsed.error, "output");
    const error = new PermanentError(`${issue?.path}: ${issue?.message}`);
    throw Object.assign(error, { code: "invalid_output" });
  };
}

/** Handlers by type. */
export type Handlers = ReadonlyMap<string, Handler>;

/** Indexes handlers; two of one type are a mistake of the program. */
export function indexHandlers(handlers: readonly Handler[]): Handlers {
  const byType = new Map<string, Handler>();
  for (const handler of handlers) {
    if (byType.has(handler.type)) throw new Error(`Two handlers of type "${handler.type}"`);
    byType.set(handler.type, handler);
  }
  return byType;
}

function issuesBelow(error: z.ZodError, path: string): Issue[] {
  return issuesOf(error, (rest) => rest === "" ? path : `${path}.${rest}`);
}
