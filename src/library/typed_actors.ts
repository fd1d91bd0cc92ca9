/** Actors of one machine, with the types that its chart has. */
import type { AnyStateMachine, EventFromLogic, InputFrom } from "xstate";
import type { MachineDefinition } from "../core/actor/mod.ts";
import type { Actors, EventResult, SendEventOptions, StartOptions } from "../runtime/actors.ts";
import type { Actor } from "../runtime/actor_view.ts";

/** Events from outside: XState's own are nobody's to send. */
export type EventOf<Machine extends AnyStateMachine> = Exclude<
  EventFromLogic<Machine>,
  { readonly type: `xstate.${string}` }
>;

/** How to start one of them. */
export interface TypedStart<Machine extends AnyStateMachine>
  extends Omit<StartOptions, "machine" | "input" | "event"> {
  readonly input?: InputFrom<Machine>;
  /** Its first event, in the same commit. */
  readonly event?: EventOf<Machine>;
}

/** The actors of one machine. Errors as in `Actors`. */
export interface TypedActors<Machine extends AnyStateMachine> {
  start(options?: TypedStart<Machine>): Promise<{ actor: Actor; created: boolean }>;
  /** Sends an event and waits for its turn. */
  send(id: string, event: EventOf<Machine>, options?: SendEventOptions): Promise<EventResult>;
  ask(id: string, event: EventOf<Machine>, options?: SendEventOptions): Promise<EventResult>;
  /** Stores an event, and does not wait for its turn. */
  post(id: string, event: EventOf<Machine>, options?: SendEventOptions): Promise<string>;
}

/** Narrows actors to a machine's. */
export function typedActors<Machine extends AnyStateMachine>(
  actors: Actors,
  { name }: MachineDefinition<Machine>,
): TypedActors<Machine> {
  return {
    start: (options = {}) => actors.start({ ...options, machine: name }),
    send: (id, event, options) => actors.send(id, event, options),
    ask: (id, event, options) => actors.ask(id, event, options),
    post: (id, event, options) => actors.post(id, event, options),
  };
}
