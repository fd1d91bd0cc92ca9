/**
 * Compensation: what activities have done is undone if their actor is cancelled as a whole or fails.
 *
 * What can be undone is noted in the snapshot by the step that hears of it, so forks and rewinds know of
 * it as well. The undoing is one job, stored in the commit that ends the actor: the last thing done
 * first, one after the other, each result kept. It has retries of its own; when they are used up it is a
 * dead letter, to be requeued where it stopped.
 */
import { z } from "zod";
import type { ActorSnapshot, MachineDefinition } from "../core/actor/mod.ts";
import { isRecord, type Undo } from "../core/actor/envelope.ts";
import { typeOf } from "./letters.ts";

/** Tries of a compensation before it is a dead letter. */
export const COMPENSATION_ATTEMPTS = 25;

/** The type of the jobs that undo what a machine's activities did. */
export function compensationType(machine: string): string {
  return `${machine}:compensation`;
}

/** What such a job gets. */
export const compensationSchema = z.object({
  actor: z.string(),
  undo: z.array(z.object({
    src: z.string(),
    id: z.string(),
    gen: z.number(),
    output: z.json(),
  })),
});

/** A snapshot after a step, with what can be undone: one more if the step heard of a success. */
export function withUndo(
  definition: MachineDefinition | null,
  before: ActorSnapshot | null,
  event: unknown,
  after: ActorSnapshot,
): ActorSnapshot {
  const done = definition && undoOf(definition, before, event);
  const undo = [...before?.undo ?? [], ...done ? [done] : []];
  const awaits = before?.awaits;
  return undo.length > 0 || awaits
    ? { ...after, ...undo.length > 0 && { undo }, ...awaits && { awaits } }
    : after;
}

/** What is under way and could be undone if it is done. */
export function underWay(
  { actors }: MachineDefinition,
  { children = {} }: ActorSnapshot,
): Omit<Undo, "output">[] {
  return Object.entries(children).flatMap(([id, { src, gen, ended }]) => {
    const compensate = undoneBy(actors, src);
    return compensate === undefined || ended ? [] : [{ src: compensate, id, gen }];
  });
}

function undoOf(
  { actors }: MachineDefinition,
  before: ActorSnapshot | null,
  event: unknown,
): Undo | null {
  const [, id] = /^xstate\.done\.actor\.([^]*)$/.exec(typeOf(event)) ?? [];
  const child = id === undefined ? undefined : before?.children?.[id];
  if (id === undefined || !child || !isRecord(event)) return null;
  const compensate = undoneBy(actors, child.src);
  if (compensate === undefined) return null;
  return { src: compensate, id, gen: child.gen, output: event.output ?? null };
}

function undoneBy(actors: MachineDefinition["actors"], src: string): string | undefined {
  return (Object.hasOwn(actors, src) ? actors[src] : undefined)?.compensate;
}
