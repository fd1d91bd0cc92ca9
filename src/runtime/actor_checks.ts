/** What clients may say of actors, and how what is wrong with it is told. */
import { isRecord } from "../core/actor/envelope.ts";
import { InvalidInputError, PerduraError } from "../core/errors.ts";
import { serialise } from "../core/job.ts";
import { findJsonIssue } from "../core/json.ts";
import { limits } from "../core/limits.ts";

const ID_LENGTH_MAX = 200;

/**
 * What a machine's code throws while an actor is started is the fault of its input, or of the event that
 * came with it, as far as anybody can tell.
 */
export function starting(path: "input" | "event", begin: () => void): void {
  try {
    begin();
  } catch (error) {
    if (error instanceof PerduraError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new InvalidInputError([{ path, message: message.slice(0, 500) }]);
  }
}

/** An event is sent flat: its fields are at the top. */
export function asSent({ issues }: InvalidInputError): InvalidInputError {
  return new InvalidInputError(issues.map(({ path, message }) => ({
    path: path.replace(/^event\.?/, ""),
    message,
  })));
}

/** An id stands in addresses: `.` and `..` would never come by there, since every client resolves them. */
export function checkId(id: string): void {
  const length = [...id].length;
  const problem = length < 1 || length > ID_LENGTH_MAX
    ? `Must have 1 to ${ID_LENGTH_MAX} characters`
    : !id.isWellFormed() || id.includes("\0")
    ? "Must be text that can be stored"
    : id === "." || id === ".."
    ? "Must be another than . and ..: in an address they mean a place"
    : null;
  if (problem) throw new InvalidInputError([{ path: "id", message: problem }]);
}

export function checkEvent(event: unknown): void {
  if (!isRecord(event) || typeof event.type !== "string" || event.type === "") {
    const message = "An event is an object with a type, a text that is not empty";
    throw new InvalidInputError([{ path: "type", message }]);
  }
  if (event.type.startsWith("xstate.")) {
    const message = `"${event.type.slice(0, 100)}" is XState's own: nobody can send it`;
    throw new InvalidInputError([{ path: "type", message }]);
  }
  if (event.type.startsWith("perdura.")) {
    const message = `"${event.type.slice(0, 100)}" is Perdura's own: nobody can send it`;
    throw new InvalidInputError([{ path: "type", message }]);
  }
  checkJson("event", event);
}

export function checkJson(path: string, value: unknown): void {
  const issue = findJsonIssue(value, path);
  if (issue) throw new InvalidInputError([issue]);
  serialise("Event", value, limits.payloadBytesMax);
}

export function noChild(what: string): InvalidInputError {
  return new InvalidInputError([{
    path: "id",
    message: `A child cannot be ${what}: its root can`,
  }]);
}
