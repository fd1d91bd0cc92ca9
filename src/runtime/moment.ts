/** An actor as it was, with what was under way then. */
import type { Json } from "../core/json.ts";
import type { ActorRow } from "../store/store.ts";
import type { Desk } from "./actor_desk.ts";
import { type Actor, actorOf, type Past, pastOf } from "./actor_view.ts";
import { dueOf, sourcesIn } from "./branching.ts";
import type { Machines } from "./machines.ts";

/**
 * An actor as it was after a version. Its children have states of their own by now: they are left out.
 *
 * @throws {NotFoundError}
 */
export async function actorAt(
  { host: { machines, store } }: Desk,
  row: ActorRow,
  atVersion: number,
): Promise<Actor> {
  const past = await pastOf(store.actors, row, atVersion);
  const { version, status, tags, to: state, at: updatedAt, machineVersion } = past.step;
  const then = { ...row, version, status, tags, state, updatedAt, machineVersion, fault: null };
  const pending = {
    timers: timersIn(past, row.id),
    activities: activitiesIn(past, machines, { ...row, machineVersion }),
    children: [],
  };
  return actorOf({ ...then, ...pending, snapshot: past.snapshot }, machines);
}

/** Timers that had not fired, the next one first; of one armed long before it is not known when it was due. */
function timersIn({ snapshot, steps, step }: Past, to: string): Json {
  const armed = Object.entries(snapshot.timers ?? {}).map(([id, { gen, event }]) => {
    const due = dueOf(steps, step.version, id, gen);
    const dueAt = due === null ? null : new Date(due).toISOString();
    return { id, dueAt, event: event.type, to };
  });
  return armed.toSorted((a, b) => (a.dueAt ?? "") < (b.dueAt ?? "") ? -1 : 1);
}

/** Work that had not ended. Its jobs are not known: a job outlives what waits for it, or goes before. */
function activitiesIn(
  { snapshot }: Past,
  machines: Machines,
  row: Parameters<typeof sourcesIn>[1],
): Json {
  const sources = sourcesIn(machines, row);
  return Object.entries(snapshot.children ?? {})
    .filter(([, { src, ended }]) => !ended && sources.get(src)?.kind === "activity")
    .map(([id, { src }]) => ({ id, src, jobId: null }));
}
