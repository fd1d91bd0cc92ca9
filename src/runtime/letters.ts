/** A mail as an event: what tells of activities is put into XState's words here. */
import type { Origin } from "../core/actor/effects.ts";
import { isRecord } from "../core/actor/envelope.ts";
import { encodeThrown } from "../core/actor/mail.ts";
import type { ActorView, Letterbox } from "../store/store.ts";

/** What a mail is to a step. */
export interface Incoming {
  readonly id: string | null;
  readonly event: unknown;
  readonly from?: Origin | undefined;
  readonly cause: string | null;
  readonly gen: number | null;
}

/** What is not in any mailbox: an operator's doing. */
export function byHand(cause: string | null): Incoming {
  return { id: null, event: null, cause, gen: null };
}

/** A start that waits comes before whatever was sent to the address meanwhile. */
export function inOrder({ snapshot, mail }: Pick<ActorView, "snapshot" | "mail">): Letterbox[] {
  const isStart = ({ kind }: Letterbox) => snapshot === null && kind === "start";
  return [...mail.filter(isStart), ...mail.filter((each) => !isStart(each))];
}

/** The fields of a mail. */
export function fieldsOf({ body }: Letterbox): Record<string, unknown> {
  return isRecord(body) ? body : {};
}

/** A mail as it goes into a step. */
export function incomingOf(letter: Letterbox): Incoming {
  const { id, kind, gen, sender } = letter;
  const body = fieldsOf(letter);
  const cause = sender ?? (typeof body.jobId === "string" ? body.jobId : "client");
  if (kind !== "done" && kind !== "failed") {
    return { id, event: body.event, from: originOf(body.from), cause, gen };
  }
  const childId = String(body.childId);
  const from = { childId, gen: Number(body.gen) };
  const event = kind === "done"
    ? { type: `xstate.done.actor.${childId}`, output: body.output ?? null, actorId: childId }
    : errorEvent(childId, errorOf(body.error));
  return { id, event, from, cause, gen };
}

/** How a parent hears of a child's failure. */
export function errorEvent(childId: string, error: unknown) {
  return {
    type: `xstate.error.actor.${childId}`,
    error: encodeThrown(error),
    actorId: childId,
  };
}

/** The type of what may be an event. */
export function typeOf(event: unknown): string {
  return isRecord(event) && typeof event.type === "string" ? event.type : "?";
}

/** The last error of a job, as an error. */
function errorOf(given: unknown): Error {
  const { name, message, code } = isRecord(given) ? given : {};
  const error = new Error(typeof message === "string" ? message : "The activity failed");
  if (typeof name === "string") error.name = name;
  // Ours says where it was read, in every snapshot that keeps it: nothing of what has failed.
  error.stack = String(error);
  return typeof code === "string" ? Object.assign(error, { code }) : error;
}

function originOf(from: unknown): Origin | undefined {
  if (!isRecord(from) || typeof from.gen !== "number") return undefined;
  const { timerId, childId, gen } = from;
  if (typeof timerId === "string") return { timerId, gen };
  return typeof childId === "string" ? { childId, gen } : undefined;
}
