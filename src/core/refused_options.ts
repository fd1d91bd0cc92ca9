/**
 * What SQL asked for with options that cannot be read is a dead letter that keeps them in its metadata: it
 * is not run without them, however often it is requeued.
 */
import { InvalidInputError, type Issue } from "./errors.ts";
import type { Json } from "./json.ts";

const MEMBER = "refusedOptions";
const AGAIN = "Could not be read when the job was asked for; ask for it again";

/** The metadata of such a dead letter, as JSON. */
export function refusedOptions(options: unknown): string {
  return JSON.stringify({ [MEMBER]: options });
}

/** Why a job is not run that has such options; null: it has none. */
export function refusal(
  metadata: Json,
): { readonly ok: false; readonly issues: readonly Issue[] } | null {
  return hasMember(metadata) ? { ok: false, issues: [{ path: "options", message: AGAIN }] } : null;
}

/** @throws {InvalidInputError} Metadata of a client with the name that is ours. */
export function demandOwnName(metadata: unknown, path: string): void {
  if (!hasMember(metadata)) return;
  const message = "Says that a job cannot run; choose another name";
  throw new InvalidInputError([{ path: `${path}.${MEMBER}`, message }]);
}

/** Another metadata of the same job: its mark stays. */
export function keepingRefusal(before: Json, after: Json): Json {
  return hasMember(before) ? { ...Object(after), [MEMBER]: Object(before)[MEMBER] } : after;
}

function hasMember(metadata: unknown): boolean {
  return typeof metadata === "object" && metadata !== null && MEMBER in metadata;
}
