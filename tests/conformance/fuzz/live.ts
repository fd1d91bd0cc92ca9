/**
 * XState as it is, with a simulated clock; and, for comparison, XState with its habits changed to
 * ours. A chart that differs from the first and agrees with the second is explained, by the habits
 * that came into play.
 */
// deno-lint-ignore-file no-explicit-any -- it reaches into XState
import { type AnyStateMachine, createActor } from "xstate";
import { findIllegal } from "../../../src/core/actor/nodes.ts";

/** What we do otherwise; see docs/xstate.md. */
export type Habit =
  | "child that ends at once"
  | "timer id used again"
  | "document order"
  | "spawned over"
  | "system id free at once"
  | "spawned in vain"
  | "late news of a child"
  | "mail before a stop";

/** A clock whose time is set; timers fire in order, each at its own time. */
class Clock {
  now = 0;
  #seq = 0;
  readonly #timers = new Map<number, { at: number; seq: number; fire: () => void }>();

  setTimeout(fire: () => void, ms: number): number {
    const seq = this.#seq++;
    this.#timers.set(seq, { at: this.now + ms, seq, fire });
    return seq;
  }

  clearTimeout(seq: number): void {
    this.#timers.delete(seq);
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const [next] = [...this.#timers.values()].sort((a, b) => a.at - b.at || a.seq - b.seq);
      if (!next || next.at > end) break;
      this.#timers.delete(next.seq);
      this.now = next.at;
      next.fire();
    }
    this.now = end;
  }
}

/** A running actor system. */
export class Live {
  readonly actor: any;
  readonly clock = new Clock();
  readonly emitted: unknown[] = [];
  /** Habits that have made a difference. */
  readonly habits = new Set<Habit>();
  failure: { error: unknown } | undefined;
  /** Some actor has been in a configuration that no statechart has. */
  wasIllegal = false;

  constructor(machine: AnyStateMachine, ours: boolean, trace?: (event: any) => void) {
    if (ours) this.#order(machine, new Set());
    this.actor = createActor(machine, {
      id: "r",
      clock: this.clock as any,
      logger() {},
      inspect: (event: any) => {
        trace?.(event);
        const active = event.type === "@xstate.snapshot" && event.snapshot._nodes;
        if (active && !this.wasIllegal) this.wasIllegal = findIllegal(active) !== undefined;
        if (ours && event.type === "@xstate.actor") this.#adopt(event.actorRef);
      },
    });
    this.actor.on("*", (event: unknown) => this.emitted.push(event));
    this.actor.subscribe({ error: (error: unknown) => this.failure = { error } });
    this.actor.start();
  }

  /** One timer per actor and id, system ids free at once, no news of children that are no longer. */
  #patchSystem(system: any): void {
    const { scheduler } = system;
    const schedule = scheduler.schedule;
    const used = new Map<string, number>();
    scheduler.schedule = (source: any, target: any, event: any, delay: number, id?: string) => {
      if (id !== undefined) {
        const key = `${source.sessionId}.${id}`;
        if ((used.get(key) ?? -1) >= this.clock.now && key in system._snapshot._scheduledEvents) {
          this.habits.add("timer id used again");
        }
        used.set(key, this.clock.now + delay);
        scheduler.cancel(source, id);
      }
      schedule(source, target, event, delay, id);
    };
    const unregister = system._unregister;
    const get = system.get;
    const set = system._set;
    system._set = (systemId: string, actor: any) => {
      const holder = get(systemId);
      // In its first step an actor of XState's stops a child, and its system id stays taken.
      if (holder && holder !== actor && holder._parent?._processingStatus === 0) {
        this.habits.add("system id free at once");
        unregister(holder);
      }
      const old = get(systemId);
      if (old && old !== actor && old._parent === actor._parent && old.id === actor.id) {
        this.habits.add("spawned over");
        unregister(old);
      }
      set(systemId, actor);
    };
    // XState runs a child's first step when it makes it: one that has ended there has no system id, ever.
    system._unregister = (actor: any) => {
      const isMade = actor._processingStatus === 0 && !actor.$isMade;
      actor.$isMade = true;
      if (!isMade || actor.getSnapshot().status === "active") return unregister(actor);
      this.habits.add("child that ends at once");
    };
    system.get = (systemId: string) => {
      const holder = get(systemId);
      const parent = holder?._parent;
      if (!parent || parent.$isStepping || isChildOf(holder, parent)) return holder;
      this.habits.add("system id free at once");
    };
    const relay = system._relay;
    system._relay = (source: any, target: any, event: any) => {
      const isNews = source && /^xstate\.(done\.actor|error\.actor|snapshot)\./.test(event.type);
      relay(
        source,
        target,
        isNews ? Object.defineProperty({ ...event }, "source", { value: source }) : event,
      );
    };
  }

  /** In every machine of the system: states in document order, stale news dropped. */
  #order(machine: any, seen: Set<unknown>): void {
    if (seen.has(machine)) return;
    seen.add(machine);
    for (const child of Object.values<any>(machine.implementations.actors)) {
      if (child.root) this.#order(child, seen);
    }
    // Children of the first step all start before it sends anything, also those that end at once.
    machine.start = ({ children }: any) => {
      // Who was spawned over another one has that one's place among the keys.
      const numberOf = ({ sessionId }: any) => Number(sessionId.slice("x:".length));
      const inOrder = Object.values<any>(children).sort((a, b) => numberOf(a) - numberOf(b));
      for (const child of inOrder) {
        if (child.getSnapshot().status !== "active") this.habits.add("child that ends at once");
        child.start();
      }
    };
    const transition = machine.transition;
    const initial = machine.getInitialSnapshot;
    machine.getInitialSnapshot = (scope: any, input: any) =>
      stepping(scope.self, () => this.#sorted(initial(scope, input)));
    machine.transition = (snapshot: any, event: any, scope: any) => {
      const child = event.source && snapshot.children[event.source.id];
      const isStale = event.source && child !== event.source &&
        (child !== undefined || !event.type.startsWith("xstate.done."));
      if (isStale) {
        this.habits.add("late news of a child");
        return snapshot;
      }
      return stepping(scope.self, () => this.#sorted(transition(snapshot, event, scope)));
    };
  }

  #sorted(snapshot: any): any {
    const sorted = [...snapshot._nodes].sort((a, b) => a.order - b.order);
    if (sorted.every((node, i) => node === snapshot._nodes[i])) return snapshot;
    const { machine, value } = snapshot;
    const other = machine.resolveState({ value, context: {} });
    const isOther = sorted.filter((n) => n.type === "atomic" || n.type === "final").join() !==
      snapshot._nodes.filter((n: any) => n.type === "atomic" || n.type === "final").join();
    if (isOther || JSON.stringify(other.value) !== JSON.stringify(value)) {
      this.habits.add("document order");
    }
    snapshot._nodes = sorted;
    snapshot.value = canonical(machine.root, new Set(sorted));
    return snapshot;
  }

  /** Who is stopped while it works reads what it had been sent before, as an idle one has already. */
  #letRead(child: any): void {
    const stop = child._stop.bind(child);
    child._stop = () => {
      const { mailbox } = child;
      if (child._processingStatus !== 1 || !mailbox._current?.next) return stop();
      this.habits.add("mail before a stop");
      mailbox.enqueue({ type: "xstate.stop" });
      return child;
    };
  }

  /**
   * A child that is made while another of its id runs takes its place; one that is no child any more
   * by the end of the step never starts.
   */
  #adopt(child: any): void {
    const parent = child._parent;
    if (!parent) return this.#patchSystem(child.system);
    this.#letRead(child);
    parent.$made ??= new Map();
    const old = parent.$made.get(child.id);
    if (old && old._processingStatus !== 2) {
      parent._actorScope.defer(() => {
        if (old._processingStatus === 0) this.habits.add("spawned in vain");
        if (old._processingStatus === 1 && old._snapshot?.status === "active") {
          this.habits.add("spawned over");
        }
        old._stop();
      });
    }
    parent.$made.set(child.id, child);
    const start = child.start.bind(child);
    child.start = () => {
      if (isChildOf(child, parent)) return start();
      if (child._processingStatus === 0) this.habits.add("spawned in vain");
      child._processingStatus = 2;
      return child;
    };
  }
}

/** In its snapshot: what a step makes is there when the step is over. */
function isChildOf(child: any, parent: any): boolean {
  return Object.values(parent.getSnapshot().children).includes(child);
}

function stepping<T>(actor: any, step: () => T): T {
  actor.$isStepping = true;
  try {
    return step();
  } finally {
    actor.$isStepping = false;
  }
}

function canonical(node: any, active: Set<unknown>): any {
  const inside = Object.values<any>(node.states).filter((child) => active.has(child));
  if (node.type === "compound") {
    const [child] = inside;
    if (!child) return {};
    return child.type === "atomic" || child.type === "final"
      ? child.key
      : { [child.key]: canonical(child, active) };
  }
  return Object.fromEntries(inside.map((child) => [child.key, canonical(child, active)]));
}
