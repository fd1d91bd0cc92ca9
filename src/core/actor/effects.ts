/**
 * What a step asks for, as plain data. The values in it (`event`, `input`, `params`, `value`) are in
 * the form of `encode`: they go into a row, or into the next step, as they are.
 */
import type { Json } from "../json.ts";

/** Says that a mail is what an actor waits for: a timer that fired, or a child that ended. */
export type Origin =
  | { readonly timerId: string; readonly gen: number }
  | { readonly childId: string; readonly gen: number };

/** An event in the form of `encode`. */
export type EventJson = { readonly type: string } & { readonly [key: string]: Json };

/** What kind of thing a child is: a chart, a reducer (`fromTransition`), or work (`fromPromise`). */
export type ChildKind = "machine" | "transition" | "activity";

/**
 * Start a child at the address `<this>/<id>`.
 *
 * `gen` is unique among all children this actor ever has, and rises. A child machine or reducer gets
 * its first step with `{ address, parent, input, gen, sync }`; an activity becomes a job, and its end
 * a mail (`doneMail`, `errorMail`).
 */
export interface SpawnEffect {
  readonly kind: "spawn";
  readonly id: string;
  readonly gen: number;
  readonly src: string;
  readonly logic: ChildKind;
  readonly input: Json;
  readonly systemId?: string;
  /** Whether the parent is told of every snapshot. */
  readonly sync: boolean;
  /** Nothing is begun: a branch has its result from before. It is told for branches of that branch. */
  readonly reused?: true;
}

/** Stop a child and its children, after the mail it has; cancel the work of an activity. */
export interface StopEffect {
  readonly kind: "stop";
  readonly id: string;
  readonly gen: number;
}

/** Put an event into a mailbox. With `gen`, only that incarnation may get it. */
export interface SendEffect {
  readonly kind: "send";
  readonly to: string;
  readonly gen?: number;
  readonly event: EventJson;
  /** Goes with the event into the receiver's step. */
  readonly from?: Origin;
}

/**
 * Send later. There is one timer per actor and id: this one replaces another that waits. Its mail is
 * `{ event, from }`; a timer for somebody else has no `from`.
 */
export interface TimerSetEffect {
  readonly kind: "timer.set";
  readonly timerId: string;
  readonly gen: number;
  readonly to: string;
  readonly toGen?: number;
  readonly event: EventJson;
  readonly from?: Origin;
  /** Whole or not, from 0 to ten years. */
  readonly delayMs: number;
}

/** Forget a timer, and its mail if nobody has read it yet. */
export interface TimerCancelEffect {
  readonly kind: "timer.cancel";
  readonly timerId: string;
}

/** Tell whoever listens. */
export interface EmitEffect {
  readonly kind: "emit";
  readonly event: EventJson;
}

/** XState's `log`. */
export interface LogEffect {
  readonly kind: "log";
  readonly value: Json;
  readonly label?: string;
}

/** A custom action. `exec` runs it here and now; `type` and `params` find it again elsewhere. */
export interface ActionEffect {
  readonly kind: "action";
  readonly type: string;
  readonly params: Json;
  /** Whether the machine has an implementation under this name: an inline function has none. */
  readonly named: boolean;
  /** The event and the context it is shown, in the form of `encode`. */
  readonly place: () => { readonly event: Json; readonly context: Json };
  readonly exec: () => unknown;
}

/** One thing to do, in the order of the list, in the commit of the snapshot. */
export type Effect =
  | SpawnEffect
  | StopEffect
  | SendEffect
  | TimerSetEffect
  | TimerCancelEffect
  | EmitEffect
  | LogEffect
  | ActionEffect;
