/**
 * What a step needs of a statechart engine, in words of our own.
 *
 * The folder `xstate5` is the one that there is; another major of XState would be a second that
 * speaks the same words.
 */
import type { StateValueJson } from "./envelope.ts";

/** An event as a machine sees it: values, not their stored form. */
export interface LiveEvent {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** An actor that can be named: by its address, and a child by its incarnation too. */
export interface Ref {
  readonly address: string;
  readonly gen?: number;
  /** Set of children of the actor that steps. */
  readonly child?: ChildRef;
}

/** What is known of a child. */
export interface ChildRef {
  readonly id: string;
  readonly gen: number;
  readonly src: string;
  readonly systemId?: string | undefined;
  readonly sync: boolean;
  readonly ended: boolean;
  /** Its last snapshot as a value, if it is synchronised and has told one. */
  readonly told?: (() => unknown) | undefined;
}

/** Where and as whom the step takes place. `gens` is counted on as children are made. */
export interface Scene {
  readonly address: string;
  readonly id: string;
  readonly parent: string | undefined;
  readonly registry: Readonly<Record<string, string>>;
  readonly children: readonly ChildRef[];
  readonly gens: { child: number };
}

/** Where an actor stands, as values. */
export interface Position {
  readonly status: "active" | "done" | "error";
  readonly value: StateValueJson;
  readonly types?: Readonly<Record<string, "final" | "parallel">> | undefined;
  readonly context: unknown;
  readonly history?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly output: unknown;
  readonly error: unknown;
}

/** What the machine asked for, in its order. */
export type Request =
  | {
    readonly kind: "spawn";
    readonly ref: Ref;
    readonly input: unknown;
    /** The active state that invokes it. */
    readonly state?: string | undefined;
  }
  | { readonly kind: "stop"; readonly ref: Ref }
  | {
    readonly kind: "send";
    readonly to: Ref;
    readonly event: LiveEvent;
    readonly id?: string | undefined;
    readonly delay?: number | undefined;
  }
  | { readonly kind: "cancel"; readonly id: string }
  | { readonly kind: "emit"; readonly event: LiveEvent }
  | { readonly kind: "log"; readonly value: unknown; readonly label?: string | undefined }
  | {
    readonly kind: "action";
    readonly type: string;
    readonly params: unknown;
    readonly named: boolean;
    /** When its turn came: between two assigns the context is neither the first nor the last. */
    readonly at: ActionPlace;
    readonly exec: () => unknown;
  };

/** What an action is shown beside its params, as values. */
export interface ActionPlace {
  readonly event: unknown;
  readonly context: unknown;
}

/** One transition that was taken, by ids. */
export interface Taken {
  readonly source: string;
  /** The descriptor that matched; null of an eventless one. */
  readonly descriptor: string | null;
  /** Which of the source's transitions for this descriptor, from 0; -1 of an initial one. */
  readonly index: number;
  readonly targets: readonly string[];
  /** Its guard, as the chart names it; null if it has none. */
  readonly guard: string | null;
}

/** One microstep: what set it off, and what was taken. */
export interface Microstep {
  readonly event: string;
  readonly taken: readonly Taken[];
}

/**
 * Why an event has no effect: no state has it, or all guards said no, or the state says that it shall
 * have none (`on: { X: {} }`).
 */
export type IdleReason = "unknown" | "guarded" | "forbidden";

/** The outcome of one macrostep. */
export interface Turn {
  readonly position: Position;
  readonly requests: readonly Request[];
  readonly microsteps: () => readonly Microstep[];
  /** The position is the very one it was. */
  readonly isSame: boolean;
  /** Why nothing was done; undefined if any transition was taken that does something. */
  readonly idle?: IdleReason | undefined;
}
