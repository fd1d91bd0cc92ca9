/** Waiting for an actor, without gaps: what it was for a moment between two looks counts as well. */
import { limits } from "../core/limits.ts";
import type { ActorName, ActorView } from "../store/store.ts";
import { type Desk, pauses, WAIT_MS } from "./actor_desk.ts";
import { type Until, untilOf, type WaitForOptions } from "./actor_options.ts";
import { type Actor, actorOf } from "./actor_view.ts";
import { actorAt } from "./moment.ts";
import { isEnded, isIn } from "./place.ts";

/** See `Actors.wait`. */
export async function waitFor(
  desk: Desk,
  tenantId: string | null,
  id: string,
  until: Until,
  options: WaitForOptions,
): Promise<Actor | null> {
  const { machines, store, clock } = desk.host;
  const deadline = clock.monotonic() + (options.timeoutMs ?? WAIT_MS);
  let row = await desk.rowOf(tenantId, id);
  let seen = row.version;
  for (const pauseMs of pauses()) {
    if (isMet(until, row)) return actorOf(row, machines);
    if (row.version > seen) {
      const steps = await store.actors.history(row, seen, row.version, limits.pageMax, false);
      const met = steps.find((step) => isMet(until, { ...step, state: step.to }));
      if (met) return await actorAt(desk, row, met.version);
      seen = steps.at(-1)?.version ?? row.version;
    }
    const leftMs = deadline - clock.monotonic();
    // Asked this way round, a time that is no number is none.
    if (!(leftMs > 0) || options.signal?.aborted || isEnded(row.status)) return null;
    seen = await follow(desk, row, until, seen, Math.min(pauseMs, leftMs), options.signal);
    // Whoever is gone asks nothing more of the database, which may be closing.
    if (options.signal?.aborted) return null;
    row = await desk.row(row);
  }
  return null;
}

/**
 * Passes over the turns that this process commits itself, while none of them can be what is waited for.
 * Gives the last version that was passed over.
 */
async function follow(
  desk: Desk,
  name: ActorName,
  until: Until,
  seen: number,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { clock } = desk.host;
  const deadline = clock.monotonic() + ms;
  for (let last = seen;;) {
    const turn = await desk.pause(name, deadline - clock.monotonic(), signal);
    // Another process has stepped it in between: its history tells.
    if (turn?.steps[0]?.version !== last + 1) return last;
    const isOver = isEnded(turn.status) || isMet(until, turn);
    if (isOver || turn.steps.some((step) => isMet(until, { ...step, state: step.to }))) return last;
    last = turn.version;
  }
}

function isMet(
  until: Until,
  at: {
    readonly status: ActorView["status"];
    readonly state: string;
    readonly tags: readonly string[];
  },
): boolean {
  const wanted = typeof until === "string" ? untilOf(until) : until;
  if (wanted === "done") return isEnded(at.status);
  return "tag" in wanted ? at.tags.includes(wanted.tag) : isIn(at.state, wanted.state);
}
