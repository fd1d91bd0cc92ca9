/** What an actor emits, for whoever follows it: read from its history, so nothing of it is missed. */
import { isRecord } from "../core/actor/envelope.ts";
import { limits } from "../core/limits.ts";
import type { PastStep } from "../store/store.ts";
import { type Desk, pauses } from "./actor_desk.ts";
import { isEnded } from "./place.ts";

/** An event that an actor has emitted. */
export interface Emitted {
  /** Of the step that emitted it. */
  readonly version: number;
  /** Which of the step's, from 0. */
  readonly index: number;
  readonly at: string;
  /** The event, in the codec's form. */
  readonly event: unknown;
}

/** See `Actors.emits`. @throws {NotFoundError} At the first call of `next`. */
export async function* emitsOf(
  desk: Desk,
  tenantId: string | null,
  id: string,
  after: number,
  signal?: AbortSignal,
): AsyncGenerator<Emitted> {
  const { actors } = desk.host.store;
  let row = await desk.rowOf(tenantId, id);
  let waits = pauses();
  for (let seen = after; !signal?.aborted;) {
    const steps = row.version > seen
      ? await actors.history(row, seen, row.version, limits.pageMax, false)
      : [];
    for (const step of steps) yield* emittedBy(step);
    seen = steps.at(-1)?.version ?? seen;
    if (steps.length === limits.pageMax) continue;
    if (isEnded(row.status)) return;
    if (steps.length > 0) waits = pauses();
    await desk.pause(row, waits.next().value ?? 0, signal);
    row = await desk.row(row);
  }
}

function* emittedBy({ version, at, effects }: PastStep): Generator<Emitted> {
  const emits = (Array.isArray(effects) ? effects : []).filter((effect) =>
    isRecord(effect) && effect.kind === "emit"
  );
  for (const [index, { event }] of emits.entries()) yield { version, index, at, event };
}
