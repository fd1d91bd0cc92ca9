/** Actors of one machine, with the types that its chart has. */
import type { MachineDefinition } from "../core/actor/mod.ts";
import type { Json } from "../core/json.ts";
import type {
  ActorAim,
  Actors,
  EventResult,
  SendEventOptions,
  StartOptions,
  Until,
  WaitForOptions,
} from "../runtime/actors.ts";
import type { Emitted } from "../runtime/actor_emits.ts";
import type { Actor, ActorTransition } from "../runtime/actor_view.ts";
import type { BranchOptions } from "../runtime/branching.ts";
import type { Reason } from "../runtime/explain.ts";

type ShapeOf<D extends MachineDefinition> = NonNullable<D["shape"]>;
type IsAny<T> = 0 extends 1 & T ? true : false;

/** An event of which no chart says more. */
export interface AnyEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Events from outside: XState's own are nobody's to send. */
export type EventOf<D extends MachineDefinition> = IsAny<ShapeOf<D>["event"]> extends true
  ? AnyEvent
  : Exclude<ShapeOf<D>["event"], { readonly type: `xstate.${string}` }>;

/** What an actor of it is started with. */
export type InputOf<D extends MachineDefinition> = ShapeOf<D>["input"];

/** A value as it is stored: what plain JSON has stays as it is, all else has the codec's form. */
export type Stored<T> = IsAny<T> extends true ? Json
  : T extends string | number | boolean | null ? T
  : T extends readonly unknown[] ? { readonly [Index in keyof T]: Stored<T[Index]> }
  : T extends { readonly [Symbol.toStringTag]: string } | Date | Error | RegExp | URL | Coded ? Json
  : T extends object ? { readonly [Key in keyof T]: Stored<T[Key]> }
  : Json;
type Coded =
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ((...args: never) => unknown)
  // A reference to an actor: its address.
  | { readonly sessionId: string; getSnapshot(): unknown };

/** An actor as its chart types it. */
export interface ActorOf<D extends MachineDefinition>
  extends Omit<Actor, "machine" | "context" | "output"> {
  readonly machine: D["name"];
  /** Null before its machine has begun. */
  readonly context: Stored<ShapeOf<D>["context"]> | null;
  /** Null before it is done. */
  readonly output: Stored<ShapeOf<D>["output"]> | null;
}

/** An event that an actor has emitted; its fields are known where the chart's `types` name them. */
export interface EmittedOf<D extends MachineDefinition> extends Omit<Emitted, "event"> {
  readonly event: string extends ShapeOf<D>["emitted"]["type"] ? AnyEvent
    : Stored<ShapeOf<D>["emitted"]>;
}

/** What became of an event. */
export interface EventResultOf<D extends MachineDefinition> extends Omit<EventResult, "actor"> {
  readonly actor: ActorOf<D>;
}

/** How to start one of them. */
export type TypedStart<D extends MachineDefinition> =
  & Omit<StartOptions, "machine" | "input" | "event">
  & (undefined extends InputOf<D> ? { readonly input?: InputOf<D> }
    : { readonly input: InputOf<D> })
  & {
    /** Its first event, in the same commit. */
    readonly event?: EventOf<D>;
  };

/** The options of a start: they may be left out where the chart needs no input. */
export type StartArguments<D extends MachineDefinition> = undefined extends InputOf<D>
  ? [options?: TypedStart<D>]
  : [options: TypedStart<D>];

/** Whose actor it is; left out: any tenant's that the caller may see. */
export interface OfTenant {
  readonly tenantId?: string | null | undefined;
}

/** Which actor, and only at a version if one is named. */
export type AimOptions = Omit<ActorAim, "conditional">;

/** How to begin a branch at a version of an actor's past; `name`: what a fork is called. */
export type ForkOptions = AimOptions & BranchOptions & { readonly name?: string };

/** How to send an event to an actor of a machine. */
export type SendOptions = Omit<SendEventOptions, "conditional">;

/** Which steps of a past: those after a version (null: the newest), 100 unless said otherwise. */
export interface HistoryOptions extends OfTenant {
  readonly after?: number | null | undefined;
  readonly limit?: number | undefined;
}

/** From where on to follow what an actor emits: after a version (0: all of it), until `signal`. */
export interface EmitsOptions extends OfTenant {
  readonly after?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What became of a start. */
export interface StartedOf<D extends MachineDefinition> {
  readonly actor: ActorOf<D>;
  /** false: the same id and input had started it before. */
  readonly created: boolean;
}

/** What operators do with actors. Errors as in `Actors`, or of a client: `ProblemError`. */
export interface ActorControls<D extends MachineDefinition> {
  /** Asks it to end: its machine decides, by `CANCEL`; one that does not is stopped as a whole. */
  cancel(id: string, reason?: string, options?: AimOptions): Promise<ActorOf<D>>;
  /** Steps it no more, until it is resumed. Its mail is kept; its activities and timers go on. */
  pause(id: string, options?: AimOptions): Promise<ActorOf<D>>;
  /** Steps it again, after a pause or a repair; `skip` throws away the mail it stalled on. */
  resume(id: string, options?: AimOptions & { readonly skip?: boolean }): Promise<ActorOf<D>>;
  /** Ends it now, whatever it is at. */
  terminate(id: string, reason?: string, options?: AimOptions): Promise<ActorOf<D>>;
  /** A new actor from a version of this one's past. */
  fork(id: string, options: ForkOptions): Promise<ActorOf<D>>;
  /** Takes it back to a version of its past: what it has begun since is left, late results are dropped. */
  rewind(id: string, options: AimOptions & BranchOptions): Promise<ActorOf<D>>;
}

/** What is done with actors that are there. Errors as in `Actors`, or of a client: `ProblemError`. */
export interface ActorCalls<D extends MachineDefinition> extends ActorControls<D> {
  /** Sends an event and waits for its turn. */
  send(id: string, event: EventOf<D>, options?: SendOptions): Promise<EventResultOf<D>>;
  /** The same: the answer comes after the event's turn. */
  ask(id: string, event: EventOf<D>, options?: SendOptions): Promise<EventResultOf<D>>;
  /** Stores an event, and does not wait for its turn. Gives the id of its mail. */
  post(id: string, event: EventOf<D>, options?: SendOptions): Promise<string>;
  /** One actor, or as it was at a version. */
  get(id: string, options?: OfTenant & { readonly version?: number }): Promise<ActorOf<D>>;
  /**
   * Resolves when it is, or since the call has been, as wanted; null: not in time, or it ended otherwise.
   *
   * By a client, `timeoutMs` is 60 s at most for a tag or a state: that is how long one request may wait,
   * and what is passed through between two is missed. For "done" it asks again until its time is over.
   */
  wait(id: string, until: Until, options?: OfTenant & WaitForOptions): Promise<ActorOf<D> | null>;
  /** Its steps, ascending. */
  history(id: string, options?: HistoryOptions): Promise<readonly ActorTransition[]>;
  /** What it is waiting for, in order. */
  explain(id: string, options?: OfTenant): Promise<readonly Reason[]>;
}

/** The actors of one machine. */
export interface TypedActors<D extends MachineDefinition> extends ActorCalls<D> {
  /** Starts one; once per id. The same id and input again give the one that is there. */
  start(...given: StartArguments<D>): Promise<StartedOf<D>>;
}

/** The actors of one machine, in this process. */
export interface RuntimeActors<D extends MachineDefinition> extends TypedActors<D> {
  /** What it emits, in order, and on until it has ended. */
  emits(id: string, options?: EmitsOptions): AsyncIterable<EmittedOf<D>>;
}

/** How many steps of a past are given to who asks for no number. */
export const HISTORY_STEPS = 100;

/** Narrows actors to a machine's. */
export function typedActors<D extends MachineDefinition>(
  actors: Actors,
  { name }: D,
): RuntimeActors<D> {
  const typed = (actor: Actor) => actor as ActorOf<D>;
  const send: TypedActors<D>["send"] = async (id, event, options) => {
    const { actor, ...result } = await actors.send(id, event, options);
    return { ...result, actor: typed(actor) };
  };
  return {
    start: async (...[options]) => {
      const { actor, created } = await actors.start({ ...options, machine: name });
      return { actor: typed(actor), created };
    },
    send,
    ask: send,
    post: (id, event, options) => actors.post(id, event, options),
    get: async (id, { tenantId = null, version } = {}) =>
      typed(await actors.get(tenantId, id, version)),
    wait: async (id, until, { tenantId = null, ...options } = {}) => {
      const actor = await actors.wait(tenantId, id, until, options);
      return actor && typed(actor);
    },
    history: (id, { tenantId = null, after = 0, limit = HISTORY_STEPS } = {}) =>
      actors.history(tenantId, id, after, limit),
    explain: (id, { tenantId = null } = {}) => actors.explain(tenantId, id),
    emits: (id, { tenantId = null, after = 0, signal } = {}) =>
      actors.emits(tenantId, id, after, signal) as AsyncGenerator<EmittedOf<D>>,
    cancel: async (id, reason = "program", options) =>
      typed(await actors.cancel(id, reason, options)),
    pause: async (id, options) => typed(await actors.pause(id, options)),
    resume: async (id, options) => typed(await actors.resume(id, options)),
    terminate: async (id, reason = "program", options) =>
      typed(await actors.terminate(id, reason, options)),
    fork: async (id, options) => typed(await actors.fork(id, options)),
    rewind: async (id, options) => typed(await actors.rewind(id, options)),
  };
}
