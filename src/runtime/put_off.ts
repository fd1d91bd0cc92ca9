/** Events that a machine has put off: what the past tells of those that wait in the mailbox. */
import { newId } from "../core/id.ts";
import type { PastStep } from "../store/store.ts";

/** A branch puts a copy of such an event into its mailbox. Stands among the effects of its first step. */
export interface PutAgain {
  readonly kind: "put_again";
  readonly mailId: string;
  readonly event: unknown;
  /** The mail that was sent, however often it has been copied since; null: not known any more. */
  readonly of: string | null;
}

/**
 * Copies for a branch of what waited at a version, in its order. A fork gets all of it. A rewind gets what
 * is not in its mailbox any more, as itself or as the copy of an earlier rewind: each event is there once.
 */
export function putAgain(
  steps: readonly PastStep[],
  at: number,
  { address, isRewind }: { readonly address: string; readonly isRewind: boolean },
): PutAgain[] {
  const here = new Set(waitingAt(steps, Infinity, address).map(({ of }) => of));
  return waitingAt(steps, at, address)
    .filter(({ of }) => !isRewind || of !== null && !here.has(of))
    .map((each) => ({ ...each, mailId: newId() }));
}

function waitingAt(steps: readonly PastStep[], at: number, address: string): PutAgain[] {
  const waiting = new Map<string, PutAgain>();
  const isWhole = steps[0]?.version === 1;
  for (const { version, outcome, mailId, body: event, cause, effects } of steps) {
    if (version > at) break;
    for (const copy of copiesIn(effects)) waiting.set(copy.mailId, copy);
    if (mailId === null) continue;
    if (outcome !== "deferred") waiting.delete(mailId);
    else if (!waiting.has(mailId)) {
      // What comes from itself may be a copy, made by a step that retention has passed over.
      const of = isWhole || cause !== address ? mailId : null;
      waiting.set(mailId, { kind: "put_again", mailId, event, of });
    }
  }
  return [...waiting.values()];
}

function copiesIn(effects: unknown): PutAgain[] {
  return Array.isArray(effects) ? effects.filter(({ kind }) => kind === "put_again") : [];
}
