/** What a step takes and gives. */
import type { Effect, Origin } from "./effects.ts";
import type { IdleReason, Microstep } from "./engine.ts";
import type { ActorSnapshot } from "./envelope.ts";

/** What a step takes. Values are in the form of `encode`, which plain JSON is already. */
export interface StepInput {
  /** Who it is: 1 to 200 characters for a root, `parent/child` below it. */
  readonly address: string;
  /** The address of the actor that spawned it. */
  readonly parent?: string | undefined;
  /** The snapshot of the last step; without it the actor starts. */
  readonly snapshot?: unknown;
  /** Of the first step. */
  readonly input?: unknown;
  /** Of every later step. */
  readonly event?: unknown;
  /** Of an event that comes from a timer or a child: what its effect said. */
  readonly from?: Origin | undefined;
  /** Addresses by system id, of the whole actor system. */
  readonly registry?: Readonly<Record<string, string>> | undefined;
  /** Of a child's first step: what its `spawn` effect said. */
  readonly gen?: number | undefined;
  readonly sync?: boolean | undefined;
  /** Of a first step at an address that had an actor before: the generations that it has given out. */
  readonly gens?: ActorSnapshot["gens"] | undefined;
  /** Tell each transition that was taken. */
  readonly trace?: boolean | undefined;
}

/**
 * What became of the event.
 *
 * `stale`: nobody waits for it any more (a timer that was replaced, a child of an earlier
 * incarnation). `ended`: the actor had ended before.
 */
export type Outcome = "started" | "handled" | "unhandled" | "stale" | "ended";

/** What a step gives. Nothing has been done yet. */
export interface StepResult {
  /** Plain JSON: store it as it is. */
  readonly snapshot: ActorSnapshot;
  /** To carry out in this order, in the commit of the snapshot. */
  readonly effects: readonly Effect[];
  readonly status: ActorSnapshot["status"];
  /** As a value; of a finished actor. */
  readonly output?: unknown;
  /** As a value; of an actor that failed: the error of a child that it does not handle. */
  readonly error?: unknown;
  /** Whether the snapshot is another than the given one. */
  readonly changed: boolean;
  readonly outcome: Outcome;
  /** Why an event is unhandled. */
  readonly reason?: IdleReason;
  /** With `trace`. */
  readonly microsteps?: readonly Microstep[];
}
