/** Actors of one machine, with the types that its chart has. */
import type { MachineDefinition } from "../core/actor/mod.ts";
import type { Actors, EventResult, SendEventOptions, StartOptions } from "../runtime/actors.ts";
import type { Actor } from "../runtime/actor_view.ts";

/** Events from outside: XState's own are nobody's to send. */
export type EventOf<D extends MachineDefinition> = Exclude<
  ShapeOf<D>["event"],
  { readonly type: `xstate.${string}` }
>;

type ShapeOf<D extends MachineDefinition> = NonNullable<D["shape"]>;

/** How to start one of them. */
export interface TypedStart<D extends MachineDefinition>
  extends Omit<StartOptions, "machine" | "input" | "event"> {
  readonly input?: ShapeOf<D>["input"];
  /** Its first event, in the same commit. */
  readonly event?: EventOf<D>;
}

/** The actors of one machine. Errors as in `Actors`. */
export interface TypedActors<D extends MachineDefinition> {
  start(options?: TypedStart<D>): Promise<{ actor: Actor; created: boolean }>;
  /** Sends an event and waits for its turn. */
  send(id: string, event: EventOf<D>, options?: SendEventOptions): Promise<EventResult>;
  ask(id: string, event: EventOf<D>, options?: SendEventOptions): Promise<EventResult>;
  /** Stores an event, and does not wait for its turn. */
  post(id: string, event: EventOf<D>, options?: SendEventOptions): Promise<string>;
}

/** Narrows actors to a machine's. */
export function typedActors<D extends MachineDefinition>(
  actors: Actors,
  { name }: D,
): TypedActors<D> {
  return {
    start: (options = {}) => actors.start({ ...options, machine: name }),
    send: (id, event, options) => actors.send(id, event, options),
    ask: (id, event, options) => actors.ask(id, event, options),
    post: (id, event, options) => actors.post(id, event, options),
  };
}
