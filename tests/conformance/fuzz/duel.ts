/** One random chart and script, live and durable, compared after every step. */
// deno-lint-ignore-file no-explicit-any -- it compares what has no common type
import type { AnyStateMachine } from "xstate";
import { ActorStalledError } from "../../../src/core/actor/mod.ts";
import { World } from "../../core/actor/world.ts";
import { EVENTS, randomMachine } from "./chart.ts";
import { type Habit, Live } from "./live.ts";
import { Chance } from "../../support/chance.ts";

/** What came of a duel. */
export interface Verdict {
  readonly seed: number;
  /** Undefined when both did the same. */
  readonly difference?: string;
  /** Why they differ, if that is known. */
  readonly explained?: readonly (Habit | typeof ILLEGAL)[];
  readonly scriptSteps: number;
  /** Macrosteps of the durable run. */
  readonly steps: number;
}

type Act =
  | { readonly kind: "send"; readonly type: string }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "end"; readonly pick: number; readonly fails: boolean };

/** Plays a seed. */
export async function duel(seed: number): Promise<Verdict> {
  const script = randomScript(new Chance(seed ^ 0x5bd1e995));
  const workshop = new Workshop();
  const machine = randomMachine(new Chance(seed), workshop.start);
  const durable = playDurable(machine, script);
  const plain = await playLive(machine, workshop, script, durable, false);
  const counts = { seed, scriptSteps: durable.states.length, steps: durable.steps };
  if (plain.difference === undefined) return counts;
  const { difference } = plain;
  if (plain.isIllegal) return { ...counts, difference, explained: [ILLEGAL] };
  // Another one: our habits are put into the machine itself.
  const again = new Workshop();
  const other = randomMachine(new Chance(seed), again.start);
  const ours = await playLive(other, again, script, durable, true);
  if (ours.isIllegal) return { ...counts, difference, explained: [ILLEGAL] };
  if (ours.difference === undefined && ours.habits.length > 0) {
    return { ...counts, difference, explained: ours.habits };
  }
  const habits = ours.habits.join(", ") || "none used";
  return {
    ...counts,
    difference: `${difference}\nwith our habits (${habits}): ${ours.difference}`,
  };
}

const ILLEGAL = "illegal configuration in XState";

/** The work that the live run has started, to be ended by the script. */
class Workshop {
  readonly #started: { readonly self: any; readonly work: PromiseWithResolvers<unknown> }[] = [];

  readonly start = (self: unknown): Promise<unknown> => {
    const work = Promise.withResolvers<unknown>();
    this.#started.push({ self, work });
    return work.promise;
  };

  /** The work at an address: of the child that its parent knows, not of one that was left behind. */
  find(address: string | undefined): PromiseWithResolvers<unknown> | undefined {
    return this.#started.findLast(({ self }) => pathOf(self) === address && isKnown(self))?.work;
  }
}

/** Whether an actor is the one that its parent has under its id, up to the root. */
function isKnown(actor: any): boolean {
  const { _parent: parent, id } = actor;
  return !parent || parent.getSnapshot().children?.[id] === actor && isKnown(parent);
}

function randomScript(chance: Chance): Act[] {
  return Array.from({ length: 6 + chance.below(5) }, (): Act => {
    if (chance.is(0.6)) return { kind: "send", type: chance.one(EVENTS) };
    if (chance.is(0.65)) return { kind: "wait", ms: 10 * (1 + chance.below(5)) };
    return { kind: "end", pick: chance.below(8), fails: chance.is(0.3) };
  });
}

interface Played {
  /** After the start and after each act, as text. */
  readonly states: readonly string[];
  /** Which work each act has ended. */
  readonly ended: readonly (string | undefined)[];
  readonly steps: number;
  /** The machine stalled at the act after the last state. */
  readonly stall?: string;
}

function playDurable(machine: AnyStateMachine, script: readonly Act[]): Played {
  const world = new World();
  const states: string[] = [];
  const ended: (string | undefined)[] = [];
  try {
    world.start("r", machine);
    states.push(describeWorld(world));
    for (const act of script) {
      const address = pickWork(world, act);
      ended.push(address);
      actOn(world, act, address);
      states.push(describeWorld(world));
    }
  } catch (error) {
    if (!(error instanceof ActorStalledError)) throw error;
    return { states, ended, steps: world.steps, stall: `${error.code} ${error.message}` };
  }
  return { states, ended, steps: world.steps };
}

function actOn(world: World, act: Act, address: string | undefined): void {
  if (act.kind === "send") world.send("r", { type: act.type });
  if (act.kind === "wait") world.advance(act.ms);
  if (act.kind !== "end" || address === undefined) return;
  if (act.fails) world.fail(address, new Error("failed"));
  else world.complete(address, { n: 7 });
}

/** The work that an act ends. Names of anonymous children differ between the two runs. */
function pickWork(world: World, act: Act): string | undefined {
  if (act.kind !== "end") return undefined;
  const working = world.working.filter((address) => !address.includes("#")).sort();
  return working[act.pick % Math.max(1, working.length)];
}

async function playLive(
  machine: AnyStateMachine,
  workshop: Workshop,
  script: readonly Act[],
  durable: Played,
  ours: boolean,
) {
  const live = new Live(machine, ours);
  const answer = (difference?: string) => ({
    difference,
    habits: [...live.habits],
    isIllegal: difference !== undefined && live.wasIllegal,
  });
  for (let i = -1; i < script.length; i++) {
    const act = script[i];
    if (act?.kind === "send") live.actor.send({ type: act.type });
    if (act?.kind === "wait") live.clock.advance(act.ms);
    if (act?.kind === "end") await end(workshop.find(durable.ended[i]), act.fails);
    const [got, want] = [describeLive(live), durable.states[i + 1]];
    // XState fails in the middle where we refuse the whole step: there is no more to compare.
    if (want === undefined && live.failure) return answer();
    if (want === undefined) return answer(`step ${i}: stalled: ${durable.stall}\n  live ${got}`);
    if (got !== want) return answer(`step ${i} ${JSON.stringify(act)}${contrast(got, want)}`);
  }
  return answer();
}

/** The two texts from a little before they part. */
function contrast(live: string, durable: string): string {
  let at = 0;
  while (live[at] === durable[at]) at++;
  const from = Math.max(0, at - 60);
  return [live, durable].map((text, i) => {
    return `\n  ${i === 0 ? "live   " : "durable"} …${text.slice(from, at + 100)}`;
  }).join("");
}

async function end(
  work: PromiseWithResolvers<unknown> | undefined,
  fails: boolean,
): Promise<void> {
  if (fails) work?.reject(new Error("failed"));
  else work?.resolve({ n: 7 });
  for (let i = 0; i < 8; i++) await Promise.resolve();
}

function pathOf(actor: any): string {
  return actor._parent ? `${pathOf(actor._parent)}/${actor.id}` : actor.id;
}

function describeWorld(world: World): string {
  const emitted = world.emitted.filter(({ address }) => address === "r").map(({ event }) => event);
  return JSON.stringify([worldActor(world, "r"), emitted]);
}

function worldActor(world: World, address: string): unknown {
  const row = world.rows.get(address);
  if (!row || row.kind === "activity") return [row?.status];
  const snapshot = world.snapshot(address);
  if (row.kind === "transition") return [row.status, world.context(address)];
  const { n, trail, seen } = world.context(address) as any;
  const children = Object.keys(snapshot.children ?? {})
    .map((id) => [id.includes("#") ? "~" : id, worldActor(world, `${address}/${id}`)]);
  return [
    row.status,
    row.status === "error" ? "" : sortKeys(snapshot.value),
    n,
    trail,
    sortKeys(seen),
    inOrder(children),
  ];
}

function describeLive(live: Live): string {
  return JSON.stringify([liveActor(live.actor), live.emitted]);
}

function liveActor(actor: any): unknown {
  const { status, value, context, children, machine } = actor.getSnapshot();
  if (!machine) return context === undefined ? [status] : [status, context];
  // What has ended has no children any more.
  const inside = status === "active" ? Object.entries<any>(children) : [];
  const told = inside.map(([id, child]) => [/^x:\d+$/.test(id) ? "~" : id, liveActor(child)]);
  const { n, trail, seen } = context;
  return [
    status,
    status === "error" ? "" : sortKeys(value),
    n,
    trail,
    sortKeys(seen),
    inOrder(told),
  ];
}

/** Anonymous children in the order of their making, the others by name. */
function inOrder(children: unknown[][]): unknown[][] {
  return children.toSorted(([a], [b]) =>
    String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0
  );
}

function sortKeys(value: any): any {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sortKeys(value[key])]));
}
