/**
 * Errors as JSON. They come from anywhere, and one that could not be stored would hide the failure it
 * tells of: a field that has no JSON form is left out instead of refused.
 */
import { type Json, storableText } from "../json.ts";

/** A stack is for people; some are as long as the program. */
const STACK_LENGTH_MAX = 2000;
const MESSAGE_LENGTH_MAX = 10_000;

const CLASSES: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

const OWN = new Set(["name", "message", "stack", "cause"]);

/** Name, message, stack, cause, and what else of it can be stored; `encode` gives undefined of the rest. */
export function encodeError(error: Error, encode: (value: unknown) => Json | undefined): Json {
  const json: Record<string, Json> = {
    name: text(error.name, MESSAGE_LENGTH_MAX),
    message: text(error.message, MESSAGE_LENGTH_MAX),
  };
  if (typeof error.stack === "string") json.stack = text(error.stack, STACK_LENGTH_MAX);
  if (error.cause !== undefined) json.cause = encode(error.cause) ?? null;
  const fields: Record<string, Json> = {};
  for (const key of Object.keys(error)) {
    if (OWN.has(key) || key === "__proto__") continue;
    const field = encode(readField(error, key));
    if (field !== undefined) fields[key] = field;
  }
  if (Object.keys(fields).length > 0) json.fields = fields;
  return json;
}

/** An error of the built-in class it had; of others, an `Error` with its name. */
export function decodeError(v: unknown, decode: (value: unknown) => unknown): Error {
  const { name, message, stack, cause, fields } = Object(v);
  const make = CLASSES[String(name)] ?? Error;
  const options = cause === undefined ? undefined : { cause: decode(cause) };
  const error = new make(String(message), options);
  if (error.name !== name) define(error, "name", String(name));
  define(error, "stack", typeof stack === "string" ? stack : `${name}: ${message}`);
  return Object.assign(error, decode(Object(fields)));
}

/** As the language defines them: not among the fields. */
function define(error: Error, key: string, value: string): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

/** A getter may throw. */
function readField(error: Error, key: string): unknown {
  try {
    return Reflect.get(error, key);
  } catch {
    return undefined;
  }
}

function text(value: unknown, lengthMax: number): string {
  return storableText(String(value), lengthMax);
}
