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
import { VERSION } from "../core/version.ts";
import type { JobInsert } from "../core/job.ts";
import type { HandlerContext } from "../runtime/context.ts";
import type { Handler, Handlers } from "../runtime/handlers.ts";
import type { Store, Turn } from "../store/store.ts";

/** Failed attempts whose span is remembered here, to link the next one to it. */
const REMEMBERED = 10_000;

/** Wraps what shall be traced. */
export class Tracing {
  readonly #tracer: Tracer = trace.getTracer("perdura", VERSION);
  readonly #lastAttempts = new Map<string, SpanContext>();

  /**
   * The row of a job that is being stored, with the context to go on from. A job by itself has a span;
   * of a batch, each goes on from what is active.
   */
  enqueued(row: JobInsert, isAlone: boolean): JobInsert {
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

  /** The same store: turns that are made inside of a trace are part of it, and so are their jobs. */
  store(store: Store): Store {
    const actors = over<Store["actors"]>(store.actors, {
      commit: (...[worker, turnId, turns, ...more]) =>
        this.#turning(turns, (traced) => store.actors.commit(worker, turnId, traced, ...more)),
      transact: (worker, tenantId, write, seal) =>
        store.actors.transact(worker, tenantId, write, async (send) => {
          const turn = await seal(send);
          return await this.#turning([turn], ([traced = turn]) => Promise.resolve(traced));
        }),
    });
    return over<Store>(store, { actors });
  }

  #traced(handler: Handler): Handler {
    return {
      ...handler,
      run: (payload, given) => {
        const parent = parentOf(given.job);
        const span = this.#startAttempt(given, parent);
        const active = trace.setSpan(parent ?? ROOT_CONTEXT, span);
        try {
          const names = logNames(given, span);
          const started = context.with(
            active,
            () => withContext(names, () => handler.run(payload, given)),
          );
          if (!started.ok) {
            this.#end(span, given, "invalid_input");
          } else if (isThenable(started.value)) {
            started.value.then(
              () => this.#end(span, given, null),
              (error) => this.#end(span, given, error),
            );
          } else {
            this.#end(span, given, null);
          }
          return started;
        } catch (error) {
          this.#end(span, given, error);
          throw error;
        }
      },
    };
  }

  #startAttempt({ job }: HandlerContext, parent: Context | null): Span {
    const before = this.#lastAttempts.get(job.id);
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

  #end(span: Span, { job }: HandlerContext, error: unknown): void {
    this.#lastAttempts.delete(job.id);
    if (error !== null) {
      if (error instanceof Error) span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      this.#lastAttempts.set(job.id, span.spanContext());
      const [oldest] = this.#lastAttempts.keys();
      if (this.#lastAttempts.size > REMEMBERED && oldest) this.#lastAttempts.delete(oldest);
    }
    span.end();
  }

  async #turning<T>(
    turns: readonly Turn[],
    commit: (turns: readonly Turn[]) => Promise<T>,
  ): Promise<T> {
    const [turn] = turns;
    // The loop of a worker makes turns of many actors at once: they belong to no one trace.
    if (!trace.getActiveSpan() || turns.length !== 1 || !turn) return await commit(turns);
    const attributes = { "perdura.actor": turn.id, "perdura.tenant": turn.tenantId };
    const span = this.#tracer.startSpan(`turn ${turn.state}`, { attributes });
    try {
      return await commit([{ ...turn, jobs: turn.jobs.map((row) => withParent(row, span)) }]);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What a job was stored within; null: nothing that was traced. */
function parentOf({ metadata }: HandlerContext["job"]): Context | null {
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) return null;
  const [, traceId, spanId, flags] =
    TRACEPARENT.exec(String(Reflect.get(metadata, "traceparent"))) ?? [];
  if (!traceId || !spanId || !flags) return null;
  const parent = { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

/** The row with the context of a span; a client's own `traceparent` stands, and metadata that is no object. */
function withParent(row: JobInsert, span: Span | undefined): JobInsert {
  const own = span?.spanContext();
  if (!own || own.traceFlags === 0) return row;
  const metadata: unknown = row.metadataJson === null ? {} : JSON.parse(row.metadataJson);
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) return row;
  if ("traceparent" in metadata) return row;
  const flags = own.traceFlags.toString(16).padStart(2, "0");
  const traceparent = `00-${own.traceId}-${own.spanId}-${flags}`;
  return { ...row, metadataJson: JSON.stringify({ ...metadata, traceparent }) };
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

/** What every log line of a handler says beside its own words. */
function logNames({ job: { id, tenantId, type, attempt } }: HandlerContext, span: Span) {
  const { traceId, spanId } = span.spanContext();
  return { jobId: id, tenantId, type, attempt, traceId, spanId };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

/** An object with some members in place of its own. */
function over<T extends object>(own: T, others: Partial<T>): T {
  return new Proxy(own, {
    get(target, key) {
      if (Object.hasOwn(others, key)) return Reflect.get(others, key);
      const member: unknown = Reflect.get(target, key);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
