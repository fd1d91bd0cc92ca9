/** A thrown thing as bounded text: what is stored of it. */
import { limits } from "./limits.ts";

/** `lastError` of a job. */
export interface JobError {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly retryable: boolean;
  /** RFC 3339, by the worker's clock: for people, never compared. */
  readonly at: string;
  /** Shared by errors that are alike: see `fingerprintOf`. Made when the error is stored. */
  readonly fingerprint?: string;
  /** W3C `traceparent` of the attempt, if it was traced and another one follows. */
  readonly traceparent?: string;
}

/**
 * Describes whatever a handler threw, and never throws itself.
 *
 * Handlers throw strings, undefined, proxies, objects whose getters throw, and messages of ten
 * megabytes; each becomes a few kilobytes of well-formed text.
 */
export function describeError(thrown: unknown, at: Date): JobError {
  const field = (key: string): unknown => readField(thrown, key);
  const isObject = typeof thrown === "object" && thrown !== null;
  return {
    name: clip(textOf(isObject ? field("name") : undefined) ?? "Error", limits.errorNameLengthMax),
    message: clipBytes(textOf(isObject ? field("message") : thrown) ?? describeKind(thrown)),
    code: clipOrNull(textOf(isObject ? field("code") : undefined)),
    retryable: !(isObject && field("retryable") === false),
    at: at.toISOString(),
  };
}

function readField(thrown: unknown, key: string): unknown {
  try {
    return Reflect.get(Object(thrown), key);
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
    return String(value);
  }
  return undefined;
}

function describeKind(thrown: unknown): string {
  return thrown === null ? "Thrown: null" : `Thrown: ${typeof thrown}`;
}

function clipOrNull(text: string | undefined): string | null {
  return text === undefined ? null : clip(text, limits.errorNameLengthMax);
}

function clip(text: string, lengthMax: number): string {
  const isLong = text.length > lengthMax;
  // Control characters would grow sixfold as JSON, and `jsonb` refuses NUL, and half of a pair that
  // the cut has split.
  const clean = (isLong ? text.slice(0, lengthMax - 1) : text).toWellFormed()
    .replace(CONTROL, "\uFFFD");
  return isLong ? `${clean}…` : clean;
}

// deno-lint-ignore no-control-regex
const CONTROL = /[\0-\x08\x0b-\x1f]/g;

/** A UTF-16 unit is at most three bytes, and JSON may double a quote: a third is always enough. */
function clipBytes(text: string): string {
  return clip(text, Math.floor(limits.errorMessageBytesMax / 3));
}
