/**
 * What can go wrong in a step, by what its caller does next.
 *
 * A bad event is the sender's (`InvalidInputError`, refuse it); what the machine's code does wrong
 * stalls the actor until the code is repaired; a snapshot that this program cannot take over blocks it
 * until another program, or a migration, comes. In all three nothing has changed: a step gives its
 * whole result or throws.
 */
import { CodecError } from "./codec.ts";

/** Why an actor stalls. */
export type StallCode =
  /** A guard, assign, expression, delay, output or context factory threw; see `cause`. */
  | "threw"
  /** A value has no JSON form. */
  | "not_serialisable"
  /** XState came out in a configuration that no statechart has. */
  | "illegal_configuration"
  /** The machine did not come to rest. */
  | "too_many_microsteps"
  /** Actor logic without a name: nobody could find it again. */
  | "inline_actor"
  /** Logic with no durable form: `fromCallback`, `fromObservable`. */
  | "not_durable"
  | "unknown_source"
  | "unknown_delay"
  /** The receiver of a `sendTo` is not there, or not durable. */
  | "unknown_target"
  /** Not a number of milliseconds that a timer can wait. */
  | "bad_delay"
  | "system_id_taken"
  /** `getSnapshot()` of a child that is not synchronised. */
  | "child_snapshot"
  /** The output does not fit its schema. */
  | "invalid_output";

/** Why an actor is blocked. */
export type BlockCode =
  /** Not a snapshot of ours, or damaged. */
  | "snapshot_format"
  /** Written by a newer Perdura or XState. */
  | "snapshot_newer"
  /** Of another machine, author version or chart. */
  | "machine_mismatch"
  /** Value or history name a state that is not there. */
  | "unknown_state"
  /** A value that no configuration of the chart has. */
  | "illegal_configuration"
  /** A child's source is not there. */
  | "unknown_source"
  /** A migration is missing, or failed. */
  | "migration";

/** Base of both. `path` is dotted: `context.cart.0`, `states.paying.on.PAY.0.guard`. */
export abstract class StepError extends Error {
  abstract readonly code: StallCode | BlockCode;
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(path === "" ? reason : `${path}: ${reason}`, options);
    this.name = new.target.name;
    this.path = path;
    this.reason = reason;
  }
}

/** The machine's code failed: nothing was changed; repair the code and step again. */
export class ActorStalledError extends StepError {
  readonly code: StallCode;

  constructor(code: StallCode, path: string, reason: string, options?: ErrorOptions) {
    super(path, reason, options);
    this.code = code;
  }
}

/** This program cannot take the snapshot over: nothing was changed. */
export class ActorBlockedError extends StepError {
  readonly code: BlockCode;

  constructor(code: BlockCode, path: string, reason: string, options?: ErrorOptions) {
    super(path, reason, options);
    this.code = code;
  }
}

/** Runs an encoding; what cannot be stored stalls the actor. */
export function storing<T>(encoding: () => T): T {
  try {
    return encoding();
  } catch (error) {
    if (error instanceof StepError) throw error;
    if (error instanceof CodecError) {
      throw new ActorStalledError("not_serialisable", error.path, error.reason);
    }
    throw new ActorStalledError("threw", "", messageOf(error), { cause: error });
  }
}

/** Runs a decoding of what was stored; what no step has written blocks the actor. */
export function restoring<T>(decoding: () => T): T {
  try {
    return decoding();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new ActorBlockedError("snapshot_format", `snapshot.${error.path}`, error.reason);
  }
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
