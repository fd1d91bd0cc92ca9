/**
 * Random charts of all that can be made durable: parallel and history states, final ones, delayed
 * transitions, raise and cancel with and without a delay, invokes, spawns by action and by assign,
 * stops, sends to itself, to children (on entry, to those that the state starts), to the parent and by
 * system id, emits, guards by context, by state and by both, re-entry, nested child machines, snapshots
 * of children, reducers and work.
 *
 * Every transition costs one of twenty-four, fewer for children, so that no chart runs for ever. What happens is written
 * into the context, so that a difference in order is a difference in the end.
 */
// deno-lint-ignore-file no-explicit-any -- machines made at run time have no types to check against
import {
  and,
  type AnyStateMachine,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  fromPromise,
  fromTransition,
  log,
  not,
  or,
  raise,
  sendTo,
  spawnChild,
  stateIn,
  stopChild,
} from "xstate";
import type { Chance } from "../../support/chance.ts";

/** The events that a script sends. */
export const EVENTS = ["A", "B", "C", "D", "A.b"];

const INTERNAL = ["I", "J"];
const FUEL = 24;

/** Starts work for real; the live run ends it, the durable one never starts it. */
export type Worker = (self: unknown) => Promise<unknown>;

/** A random machine. Made twice of one seed, the two behave alike. */
export function randomMachine(chance: Chance, work: Worker, depth = 0): AnyStateMachine {
  return new ChartMaker(chance, work, depth).machine();
}

interface Plan {
  readonly id: string;
  readonly key: string;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly deep: boolean;
  readonly children: Plan[];
  readonly parent: Plan | undefined;
}

class ChartMaker {
  readonly #actors: Record<string, any>;
  readonly #plans: Plan[] = [];
  readonly #machineId: string;
  #count = 0;

  constructor(
    private readonly chance: Chance,
    private readonly work: Worker,
    private readonly depth: number,
  ) {
    this.#machineId = `m${depth}`;
    this.#actors = {
      work: fromPromise(({ self }) => this.work(self)),
      tally: fromTransition(
        (count: number, event: any) => event.type === "A" ? count + 1 : count,
        0,
      ),
    };
    if (depth === 0 || depth === 1 && chance.is(0.25)) {
      const names = depth === 0 && chance.is(0.25) ? ["kid", "cub"] : ["kid"];
      for (const name of names) this.#actors[name] = randomMachine(chance, work, depth + 1);
    }
  }

  machine(): AnyStateMachine {
    const root = this.#plan("root", undefined, 0);
    const config = this.#state(root);
    return createMachine({
      ...config,
      id: this.#machineId,
      context: { n: [0, 16, 20][this.depth], trail: [], refs: [], seen: {} },
      options: { maxIterations: 200 },
      output: ({ context }: any) => ({ n: context.n }),
    } as any, { actors: this.#actors, actions: { write } } as any);
  }

  #plan(key: string, parent: Plan | undefined, level: number): Plan {
    const { chance } = this;
    const isRoot = parent === undefined;
    const type = isRoot
      ? chance.is(0.25) ? "parallel" : "compound"
      : level > 2 - this.depth
      ? chance.one(["atomic", "atomic", "final"] as const)
      : chance.one(
        ["atomic", "atomic", "atomic", "compound", "compound", "parallel", "final"] as const,
      );
    // A region that is final at once says nothing.
    const fit = type === "final" && parent?.type === "parallel" ? "atomic" : type;
    const plan: Plan = {
      id: isRoot ? this.#machineId : `${this.#machineId}_${key}`,
      key,
      type: fit,
      deep: chance.is(0.5),
      children: [],
      parent,
    };
    this.#plans.push(plan);
    if (fit === "compound" || fit === "parallel") {
      const count = 2 + chance.below(level === 0 ? 3 : 2);
      for (let i = 0; i < count; i++) {
        plan.children.push(this.#plan(`s${this.#count++}`, plan, level + 1));
      }
      if (plan.children[0]?.type === "final") {
        plan.children.push(this.#plan(`s${this.#count++}`, plan, 9));
      }
      if (chance.is(0.4)) {
        const id = `s${this.#count++}`;
        const history: Plan = {
          id: `${this.#machineId}_${id}`,
          key: id,
          type: "history",
          deep: chance.is(0.5),
          children: [],
          parent: plan,
        };
        plan.children.push(history);
        this.#plans.push(history);
      }
    }
    return plan;
  }

  #state(plan: Plan): any {
    const { chance } = this;
    const { id, type } = plan;
    if (type === "history") {
      const siblings = plan.parent?.children.filter((each) => each.type !== "history") ?? [];
      const target = chance.is(0.5) ? { target: `#${chance.one(siblings).id}` } : {};
      return { id, type, history: plan.deep ? "deep" : "shallow", ...target };
    }
    const config: any = { id, entry: [this.#note(`+${id}`)], exit: [this.#note(`-${id}`)] };
    if (type === "parallel" || type === "final") config.type = type;
    if (type === "final" && chance.is(0.5)) {
      config.output = ({ context }: any) => ({ n: context.n });
    }
    if (plan.children.length > 0) {
      config.states = Object.fromEntries(
        plan.children.map((child) => [child.key, this.#state(child)]),
      );
      const first = plan.children.filter((child) => child.type !== "history");
      const open = first.filter((child) => child.type !== "final");
      if (type === "compound") config.initial = chance.one(open.length > 0 ? open : first).key;
      if (chance.is(0.5)) config.onDone = this.#transition(plan);
    }
    if (type === "final") return config;
    config.invoke = chance.is(0.25) && plan.parent ? [this.#invoke(plan)] : [];
    if (config.invoke.length > 0 && chance.is(0.2)) config.invoke.push(this.#invoke(plan, 1));
    for (let i = chance.below(2); i > 0; i--) config.entry.push(this.#action());
    // Told on entry is the child that starts with the state, though it starts after the entry.
    for (const { id: child } of config.invoke) {
      if (child && chance.is(0.5)) config.entry.push(sendTo(child, { type: chance.one(EVENTS) }));
    }
    if (chance.is(0.2)) config.exit.push(this.#action());
    config.on = {};
    for (const event of [...EVENTS, ...INTERNAL]) {
      if (chance.is(0.45)) config.on[event] = this.#transitions(plan);
    }
    if (chance.is(0.05)) config.on["*"] = this.#transitions(plan).map(toldOnce);
    if (chance.is(0.05)) config.on["A.*"] = this.#transitions(plan);
    if (chance.is(0.05)) config.on[chance.one(EVENTS)] = {};
    if (chance.is(0.3)) config.after = { [this.#delay()]: this.#transition(plan) };
    if (chance.is(0.15)) config.always = this.#transitions(plan, true);
    return config;
  }

  #invoke(plan: Plan, place = 0): any {
    const { chance } = this;
    const src = chance.one(Object.keys(this.#actors));
    const invoke: any = { src, ...chance.is(0.8) && { id: `inv${place || ""}_${plan.key}` } };
    if (chance.is(0.7)) invoke.onDone = this.#transition(plan);
    if (src === "work" || chance.is(0.5)) invoke.onError = this.#transition(plan);
    if (chance.is(0.3) && src !== "work") invoke.onSnapshot = { actions: see() };
    // One machine may run many times, and a system id belongs to one actor.
    if (this.depth === 0 && chance.is(0.2)) invoke.systemId = `sys${place || ""}_${plan.key}`;
    return invoke;
  }

  #transitions(plan: Plan, isEventless = false): any {
    const count = 1 + this.chance.below(2);
    return Array.from({ length: count }, () => this.#transition(plan, isEventless));
  }

  #transition(plan: Plan, isEventless = false): any {
    const { chance } = this;
    const targets = this.#plans.filter((each) => each !== plan || !isEventless);
    const target = isEventless || chance.is(0.75) ? this.#target(plan, targets) : undefined;
    const actions = [spend(), ...Array.from({ length: chance.below(3) }, () => this.#action())];
    const guards = [fueled, ...isEventless || chance.is(0.4) ? [this.#guard()] : []];
    return {
      ...target && { target },
      ...target && chance.is(0.25) && { reenter: true },
      guard: and(guards),
      actions,
    };
  }

  /**
   * Mostly one that leaves no region for another of the same parallel state: XState gets such a
   * transition wrong often, and there is little to compare then.
   */
  #target(source: Plan, plans: readonly Plan[]): string[] {
    const fit = plans.filter((plan) => !crossesRegions(source, plan));
    const plan = this.chance.one(fit.length === 0 || this.chance.is(0.01) ? plans : fit);
    return [`#${plan.id}`];
  }

  #guard(): any {
    const { chance } = this;
    const modulus = 2 + chance.below(2);
    const rest = chance.below(modulus);
    const byContext = ({ context }: any) => context.n % modulus === rest;
    const states = this.#plans.filter((plan) => plan.type !== "history");
    const byState = stateIn(`#${chance.one(states).id}`);
    return chance.one(
      [byContext, byContext, byState, not(byContext), or([byContext, byState] as any)] as any[],
    );
  }

  #delay(): number {
    return 10 * (1 + this.chance.below(5));
  }

  #note(text: string): any {
    return assign({ trail: ({ context }: any) => [...context.trail, text] });
  }

  #action(mayNest = true): any {
    const { chance } = this;
    const type = chance.one([...EVENTS, ...INTERNAL]);
    const id = chance.one(["t1", "t2", "t3", "t4", "t5", "t6"]);
    const child = chance.one(["c1", "c2", "c3", "c4", "c5"]);
    const makers: (() => any)[] = [
      () => this.#note(`!${this.#count++}`),
      () => raise({ type: chance.one(INTERNAL) }),
      () => raise({ type }, { delay: this.#delay(), id }),
      () => raise({ type }, { delay: this.#delay() }),
      () => cancel(id),
      () => sendTo(({ self }: any) => self, { type }),
      () => sendTo(({ self }: any) => self, { type }, { delay: this.#delay(), id: `s${id}` }),
      () => sendTo(lastRef, { type }),
      () => sendTo(lastRef, { type }, { delay: this.#delay(), id: `r${id}` }),
      () => sendTo(bySystemId(chance.one(this.#systemIds())), { type }),
      () => this.#spawnByAction(chance.one(Object.keys(this.#actors)), child),
      () =>
        this.#spawnByAssign(
          chance.one(Object.keys(this.#actors)),
          chance.is(0.5) ? child : undefined,
        ),
      () => stopChild(child),
      () => stopChild(lastAnonymous as any),
      () => emit({ type: "out", of: type }),
      () => log("a line"),
      () =>
        enqueueActions(({ enqueue, check }: any) => {
          enqueue(this.#note("q"));
          if (check(({ context }: any) => context.n % 2 === 0)) enqueue.raise({ type: "I" });
          else enqueue.emit({ type: "odd" });
        }),
    ];
    if (mayNest) makers.push(() => this.#nested(), () => this.#named());
    if (this.depth > 0) {
      makers.push(
        () => sendTo(({ self }: any) => self._parent, { type }),
        () => sendTo("#_parent" as any, { type }, { delay: this.#delay(), id: `p${id}` }),
      );
    }
    return chance.one(makers)();
  }

  /** Actions within an action, one of them for one of two contexts. */
  #nested(): any {
    const [always, odd] = [this.#action(false), this.#action(false)];
    return enqueueActions(({ context, enqueue }: any) => {
      if (context.n % 2 === 1) enqueue(odd);
      enqueue(always);
      enqueue.assign({ n: ({ context }: any) => context.n });
    });
  }

  /** By name, with parameters of the context. */
  #named(): any {
    const label = `=${this.#count++}`;
    return { type: "write", params: ({ context }: any) => ({ text: `${label} ${context.n}` }) };
  }

  #systemIds(): string[] {
    return this.#plans.map((plan) => `sys_${plan.key}`);
  }

  /** Work tells no snapshots when it is durable. */
  #spawnByAction(src: string, id: string): any {
    return spawnChild(src, { id, syncSnapshot: src !== "work" && this.chance.is(0.3) });
  }

  #spawnByAssign(src: string, id: string | undefined): any {
    return assign(({ context, spawn }: any) => ({
      refs: [...context.refs, spawn(src, id === undefined ? {} : { id })],
    }));
  }
}

const write = assign({
  trail: ({ context }: any, { text }: any) => [...context.trail, text],
} as any);

/** A snapshot that is told again must not count twice. */
function toldOnce(transition: any): any {
  const isNoSnapshot = ({ event }: any) => !event.type.startsWith("xstate.snapshot.");
  return { ...transition, guard: and([isNoSnapshot, transition.guard]) };
}

function lineOf(plan: Plan): Plan[] {
  return plan.parent ? [plan, ...lineOf(plan.parent)] : [plan];
}

/** Whether the innermost state around both is a parallel one. */
function crossesRegions(source: Plan, target: Plan): boolean {
  const around = new Set(lineOf(source));
  return lineOf(target).find((plan) => around.has(plan))?.type === "parallel";
}

function fueled({ context }: any): boolean {
  return context.n < FUEL;
}

function spend(): any {
  return assign({ n: ({ context }: any) => context.n + 1 });
}

/** The same whether told once or twice: XState tells of every event, we tell what has changed. */
function see(): any {
  return assign({
    seen: ({ context, event: { type, snapshot } }: any) => ({
      ...context.seen,
      [type]: [snapshot.value ?? null, snapshot.context?.n ?? snapshot.context],
    }),
  });
}

function lastRef({ context, self }: any): any {
  return context.refs.at(-1) ?? self;
}

/** XState stops whoever has the id of a reference now, were it somebody else; so only ids of one use. */
function lastAnonymous({ context }: any): any {
  return context.refs.findLast(({ id }: any) => /[:#]/.test(id));
}

/**
 * On events from outside only: XState runs the first step of a child while its parent's is still going
 * on, and who is known by then depends on who was made first.
 */
function bySystemId(id: string) {
  return ({ system, self, event }: any) =>
    EVENTS.includes(event.type) ? system.get(id) ?? self : self;
}
