/** W3C `traceparent`, as it stands in the metadata of jobs and in the bodies of mail. */
import { type Context, ROOT_CONTEXT, type Span, type SpanContext, trace } from "@opentelemetry/api";
import type { JobInsert } from "../core/job.ts";

/** The member that holds it. */
const TRACEPARENT = "traceparent";
const FORM = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What an object was stored within; null: nothing that was traced. */
export function parentOf(object: unknown): Context | null {
  const parent = isObject(object) ? spanContextOf(object[TRACEPARENT]) : null;
  return parent && trace.setSpanContext(ROOT_CONTEXT, parent);
}

/** A `traceparent` as a span elsewhere; null: it is none. */
export function spanContextOf(text: unknown): SpanContext | null {
  const [, traceId, spanId, flags] = FORM.exec(String(text)) ?? [];
  if (!traceId || !spanId || !flags) return null;
  return { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
}

/** A span as text; null: it is not to be followed. */
export function traceparentOf(own: SpanContext | undefined): string | null {
  if (!own || own.traceFlags === 0) return null;
  return `00-${own.traceId}-${own.spanId}-${own.traceFlags.toString(16).padStart(2, "0")}`;
}

/** The row with the context of a span; a client's own `traceparent` stands, and metadata that is no object. */
export function withParent(row: JobInsert, span: Span | undefined): JobInsert {
  const traceparent = traceparentOf(span?.spanContext());
  if (traceparent === null) return row;
  const metadata: unknown = row.metadataJson === null ? {} : JSON.parse(row.metadataJson);
  if (!isObject(metadata) || TRACEPARENT in metadata) return row;
  return { ...row, metadataJson: JSON.stringify({ ...metadata, traceparent }) };
}

/** A mail with the context of a span beside what it says: no machine sees it. */
export function withParentIn<T extends { readonly body: unknown }>(
  mail: T,
  span: Span | undefined,
): T {
  const traceparent = traceparentOf(span?.spanContext());
  return traceparent === null || !isObject(mail.body)
    ? mail
    : { ...mail, body: { ...mail.body, traceparent } };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
