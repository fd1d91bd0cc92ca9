/**
 * A moment of the past as the beginning of another branch: for forks, and for rewinds.
 *
 * The new branch begins its own incarnations of everything that was under way then: timers, work and
 * children get new generations, so that whatever the old branch still has coming reaches nobody.
 */
import { OPEN } from "../../machines/for_each.ts";
import {
  type ActorSnapshot,
  type ChildEntry,
  type Effect,
  nameOf,
  type SpawnEffect,
  stop,
  type TimerEntry,
  type TimerSetEffect,
} from "../core/actor/mod.ts";
import { isRecord } from "../core/actor/envelope.ts";
import { NotFoundError } from "../core/errors.ts";
import { isMachine, type Source, sourcesOf } from "../core/actor/sources.ts";
import type { ActorStore, ActorView, PastStep } from "../store/store.ts";
import { pastOf } from "./actor_view.ts";
import type { Machines } from "./machines.ts";
import { isEnded } from "./place.ts";
import { type PutAgain, putAgain } from "./put_off.ts";

/** How to begin a branch. */
export interface BranchOptions {
  readonly at: number;
  /**
   * Work that was under way: begun again (`rerun`, the default), or given the result that it had. A
   * `forEach` that a rewind finds still at it goes on, with what it has counted.
   */
  readonly activities?: "reuse" | "rerun";
  /** Timers that were armed: for their whole time again, or for what was left of it. Default `restart`. */
  readonly timers?: "restart" | "keep";
}

/** The beginning of a branch. */
export interface Branch {
  readonly snapshot: ActorSnapshot;
  readonly effects: readonly Effect[];
  /** Events that were put off then. */
  readonly putAgain: readonly PutAgain[];
  /** Results that are known already. */
  readonly mail: readonly object[];
}

const PAGE = 1_000;

/** @throws {NotFoundError} There is no such version, or what it had begun is not known any more. */
export async function branched(
  actors: Pick<ActorStore, "history">,
  machines: Machines,
  view: ActorView,
  address: string,
  { at, activities = "rerun", timers = "restart" }: BranchOptions,
  current: ActorSnapshot | null = null,
): Promise<Branch> {
  const { snapshot: past, step } = await pastOf(actors, view, at);
  const steps = await allSteps(actors, view);
  const sources = sourcesIn(machines, view);
  const goesOn = (id: string, { gen, src }: ChildEntry) => {
    const now = current?.children?.[id];
    return activities === "reuse" && now?.gen === gen && !now.ended && isForEach(sources.get(src));
  };
  const gens = { ...(current ?? past).gens };
  const effects: Effect[] = [];
  const kept = new Set<string>();
  const renewed = new Map<number, number>();
  const mail: object[] = [];
  const children: Record<string, ChildEntry> = {};
  for (const [id, child] of Object.entries(past.children ?? {})) {
    if (goesOn(id, child)) kept.add(id);
    if (child.ended || kept.has(id)) {
      children[id] = child;
      continue;
    }
    const gen = ++gens.child;
    renewed.set(child.gen, gen);
    children[id] = { ...child, gen };
    const spawn = spawnOf(steps, at, id, child.gen);
    const known = activities === "reuse" ? endOf(steps, at, id, child.gen) : undefined;
    if (known && isWork(sources.get(child.src))) {
      mail.push({ event: known, from: { childId: id, gen } });
      if (spawn) effects.push({ ...spawn, gen, reused: true });
    } else if (spawn) effects.push({ ...spawn, gen });
    else {throw new NotFoundError(
        `beginning of its "${id}" in what is kept of actor`,
        nameOf(view.id),
      );}
  }
  effects.push(...forOthers(steps, step, view.id, address, { gens, timers, renewed }));
  const armed: Record<string, TimerEntry> = {};
  for (const [timerId, timer] of Object.entries(past.timers ?? {})) {
    const gen = ++gens.timer;
    armed[timerId] = { ...timer, gen };
    const due = timers === "keep" ? dueOf(steps, at, timerId, timer.gen) : null;
    effects.push({
      kind: "timer.set",
      timerId,
      gen,
      to: address,
      event: timer.event,
      from: { timerId, gen },
      delayMs: due === null ? timer.delayMs : Math.max(0, due - Date.parse(step.at)),
    });
  }
  const { children: _c, timers: _t, ...rest } = past;
  const snapshot: ActorSnapshot = {
    ...rest,
    gens,
    ...Object.keys(children).length > 0 && { children },
    ...Object.keys(armed).length > 0 && { timers: armed },
  };
  const before = current ? stop(current).effects : [];
  const left = before.filter((effect) => effect.kind !== "stop" || !kept.has(effect.id));
  const again = putAgain(steps, at, { address: view.id, isRewind: current !== null });
  return { snapshot, effects: [...left, ...effects], putAgain: again, mail };
}

/** The sources of its machine; none where this process does not know that. */
export function sourcesIn(
  machines: Machines,
  view: Parameters<Machines["logicOf"]>[0],
): ReadonlyMap<string, Source> {
  const machine = machines.logicOf(view)?.definition?.machine;
  return machine ? sourcesOf(machine) : new Map();
}

/** What jobs do: one, or many. */
function isWork(source: Source | undefined): boolean {
  return source?.kind === "activity" || isForEach(source);
}

function isForEach(source: Source | undefined): boolean {
  return isMachine(source?.logic) && sourcesOf(source.logic).has(OPEN);
}

async function allSteps(
  actors: Pick<ActorStore, "history">,
  view: ActorView,
): Promise<PastStep[]> {
  const steps: PastStep[] = [];
  for (let after = 0;;) {
    const page = await actors.history(view, after, view.version, PAGE, false);
    steps.push(...page);
    if (page.length < PAGE) return steps;
    after = page.at(-1)?.version ?? view.version;
  }
}

/** Timers for others that waited at a version; the snapshot does not have them. */
function forOthers(
  steps: readonly PastStep[],
  { version: at, at: time, status }: PastStep,
  from: string,
  address: string,
  { gens, timers, renewed }: {
    readonly gens: { timer: number };
    readonly timers: BranchOptions["timers"];
    readonly renewed: ReadonlyMap<number, number>;
  },
): TimerSetEffect[] {
  // What it had asked for later, for others, went when it ended.
  if (isEnded(status)) return [];
  const armed = new Map<string, { readonly timer: TimerSetEffect; readonly gone: number }>();
  for (const step of steps.filter(({ version }) => version <= at)) {
    if (step.event === "REWIND") armed.clear();
    for (const effect of effectsOf(step)) {
      if (effect.kind === "timer.cancel") armed.delete(effect.timerId);
      if (effect.kind !== "timer.set") continue;
      const gone = Date.parse(time) - Date.parse(step.at);
      armed.delete(effect.timerId);
      if (!effect.from) armed.set(effect.timerId, { timer: effect, gone });
    }
  }
  return [...armed.values()]
    .filter(({ timer, gone }) => timer.delayMs > gone)
    .map(({ timer: { toGen, ...timer }, gone }) => ({
      ...timer,
      gen: ++gens.timer,
      to: timer.to.startsWith(`${from}/`) ? address + timer.to.slice(from.length) : timer.to,
      ...toGen !== undefined && { toGen: renewed.get(toGen) ?? toGen },
      delayMs: timers === "keep" ? timer.delayMs - gone : timer.delayMs,
    }));
}

function effectsOf({ effects }: PastStep): Effect[] {
  return Array.isArray(effects) ? effects : [];
}

/** The effect that began a child, with its input; undefined: retention has passed over it. */
function spawnOf(
  steps: readonly PastStep[],
  at: number,
  id: string,
  gen: number,
): SpawnEffect | undefined {
  const before = steps.filter(({ version }) => version <= at).toReversed();
  for (const step of before) {
    for (const effect of effectsOf(step)) {
      if (effect.kind !== "spawn" || effect.id !== id || effect.gen !== gen) continue;
      const { reused: _, ...spawn } = effect;
      return spawn;
    }
  }
  return undefined;
}

/** How a child ended later, in the old branch; undefined: it has not, or was left, or had a successor. */
function endOf(steps: readonly PastStep[], at: number, id: string, gen: number): unknown {
  const types = [`xstate.done.actor.${id}`, `xstate.error.actor.${id}`];
  for (const step of steps.filter(({ version }) => version > at)) {
    const isEnd = types.includes(step.event) && step.outcome !== "stale";
    if (isEnd) return isRecord(step.body) ? step.body : undefined;
    const isOver = effectsOf(step).some((effect) =>
      (effect.kind === "stop" || effect.kind === "spawn") && effect.id === id && effect.gen >= gen
    );
    if (isOver) return undefined;
  }
  return undefined;
}

/**
 * When a timer is due, in milliseconds since 1970; null: it was armed in none of these steps. A branch that
 * kept it has armed it for what was left, so the delay is that of the step, not of the snapshot.
 */
export function dueOf(
  steps: readonly PastStep[],
  at: number,
  timerId: string,
  gen: number,
): number | null {
  for (const step of steps.filter(({ version }) => version <= at).toReversed()) {
    for (const effect of effectsOf(step)) {
      if (effect.kind !== "timer.set" || effect.timerId !== timerId || effect.gen !== gen) continue;
      return Date.parse(step.at) + effect.delayMs;
    }
  }
  return null;
}
