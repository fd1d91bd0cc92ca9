/**
 * Traces: from the request that stores a job, over its waiting and its attempts, to what these store and
 * whom they tell. The context travels with the job, as W3C `traceparent` in its metadata.
 *
 * Nothing here runs unless somebody collects: the runtime is given handlers, a store and a hook that are
 * wrapped, or the plain ones.
 */
import {
  type Context,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { withContext } from "@logtape/logtape";
import { Budget } from "../core/budget.ts";
import { systemClock } from "../core/clock.ts";
import { over } from "../core/over.ts";
import { VERSION } from "../core/version.ts";
import type { JobInsert } from "../core/job.ts";
import type { HandlerContext } from "../runtime/context.ts";
import type { Handler, Handlers } from "../runtime/handlers.ts";
import type { Store } from "../store/store.ts";
import { logNames, withJob } from "./log_names.ts";
import { Recent } from "./recent.ts";
import { tracedFailures } from "./failure_tracing.ts";
import { parentOf, spanContextOf, withParent } from "./traceparent.ts";
import { tracedTurns } from "./turn_tracing.ts";

/** Attempts whose span is remembered until their end is committed: the next one, or the turn that hears of it, goes on from it. */
const REMEMBERED = 10_000;

const TRACES_PER_SECOND = 50;

/** How to trace. */
export interface TracingOptions {
  /** How many traces begin here in a second; default 50. What continues a trace is always part of it. */
  readonly tracesPerSecond?: number;
}

/** Wraps what shall be traced. */
export class Tracing {
  /** A span costs some 20 µs, twice what a short job does, and nobody reads ten thousand traces a second. */
  readonly #budget: Budget;
  readonly #tracer: Tracer = trace.getTracer("perdura", VERSION);
  /** Those that failed, by job. */
  readonly #failed = new Recent<SpanContext>(REMEMBERED);
  /** Those that ended well, by job. */
  readonly #ended = new Recent<SpanContext>(REMEMBERED);

  constructor({ tracesPerSecond = TRACES_PER_SECOND }: TracingOptions = {}) {
    this.#budget = new Budget(tracesPerSecond, systemClock);
  }

  /**
   * The row of a job that is being stored, with the context to go on from. A job by itself has a span;
   * of a batch, each goes on from what is active. Beyond the budget it has none.
   */
  enqueued(row: JobInsert, isAlone: boolean): JobInsert {
    if (!this.#budget.take()) return row;
    if (!isAlone) return withParent(row, trace.getActiveSpan());
    const attributes = attributesOf(row);
    const span = this.#tracer.startSpan(`enqueue ${row.type}`, {
      kind: SpanKind.PRODUCER,
      attributes,
    });
    span.end();
    return withParent(row, span);
  }

  /** The same handlers, each attempt in a span of its own, child of what stored the job. */
  handlers(handlers: Handlers): Handlers {
    return new Map([...handlers].map(([type, handler]) => [type, this.#traced(handler)]));
  }

  /** The same store: turns that something of a trace has led to are part of it, and so is what they cause. */
  store(store: Store): Store {
    return over<Store>(store, {
      actors: tracedTurns(store.actors, this.#tracer, this.#ended),
      commit: tracedFailures(store, this.#failed),
    });
  }

  #traced(handler: Handler): Handler {
    return {
      ...handler,
      run: (payload, given) => {
        const scrub = (text: string) => handler.payloadRedactor?.scrub(text, payload) ?? text;
        const parent = parentOf(given.job.metadata);
        if (!parent && !this.#budget.take()) {
          return withJob(given.job, () => handler.run(payload, given));
        }
        const span = this.#startAttempt(given, parent);
        const active = trace.setSpan(parent ?? ROOT_CONTEXT, span);
        try {
          const { traceId, spanId } = span.spanContext();
          const names = { ...logNames(given.job), traceId, spanId };
          const started = context.with(
            active,
            () => withContext(names, () => handler.run(payload, given)),
          );
          if (!started.ok) {
            this.#end(span, given, "invalid_input", scrub);
          } else if (isThenable(started.value)) {
            started.value.then(
              () => this.#end(span, given, null, scrub),
              (error) => this.#end(span, given, error, scrub),
            );
          } else {
            this.#end(span, given, null, scrub);
          }
          return started;
        } catch (error) {
          this.#end(span, given, error, scrub);
          throw error;
        }
      },
    };
  }

  #startAttempt({ job }: HandlerContext, parent: Context | null): Span {
    const before = spanContextOf(job.failedTrace);
    const links: Link[] = before ? [{ context: before }] : [];
    if (parent && job.attempt === 1 && job.crashes === 0) {
      // Known by the time that it was stored: a delay that was asked for is part of it.
      this.#tracer.startSpan(`wait ${job.type}`, { startTime: job.createdAt }, parent).end();
    }
    return this.#tracer.startSpan(`attempt ${job.type}`, {
      kind: SpanKind.CONSUMER,
      links,
      attributes: { ...attributesOf(job), "perdura.attempt": job.attempt },
    }, parent ?? ROOT_CONTEXT);
  }

  /** @param scrub Takes out of a text what the schema of the payload marks. */
  #end(
    span: Span,
    { job }: HandlerContext,
    error: unknown,
    scrub: (text: string) => string,
  ): void {
    if (error === null) {
      if (isOfActor(job)) this.#ended.set(job.id, span.spanContext());
    } else {
      if (error instanceof Error) {
        const { name, message, stack = "" } = error;
        const shown = (text: unknown) => scrub(String(text));
        span.recordException({ name: shown(name), message: shown(message), stack: shown(stack) });
      }
      span.setStatus({ code: SpanStatusCode.ERROR });
      this.#failed.set(job.id, span.spanContext());
    }
    span.end();
  }
}

function attributesOf({ id, tenantId, type, queue }: Pick<
  JobInsert,
  "id" | "tenantId" | "type" | "queue"
>) {
  return {
    "perdura.job.id": id,
    "perdura.tenant": tenantId,
    "perdura.type": type,
    "perdura.queue": queue,
  };
}

/** An activity: an actor hears of its end. */
function isOfActor({ metadata }: HandlerContext["job"]): boolean {
  return typeof metadata === "object" && metadata !== null && "actor" in metadata;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
