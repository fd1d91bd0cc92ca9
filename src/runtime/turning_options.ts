/** What turns are made of beside the actor and its machine. */
import type { ActorSnapshot, Effect } from "../core/actor/mod.ts";
import type { Logic, Machines } from "./machines.ts";
import type { PutAgain } from "./put_off.ts";

/** An actor that is born by its turn. */
export interface Birth {
  readonly input: unknown;
  readonly origin: unknown;
}

/** What only some turns have. */
export interface TurningOptions {
  readonly birth?: Birth | null;
  /** Where what a child is of next is looked up; null: no mail of this turn starts it. */
  readonly machines?: Pick<Machines, "logicOf"> | null;
}

/** What a turn puts in the place of its snapshot. */
export interface Replacement {
  readonly snapshot: ActorSnapshot;
  readonly effects: readonly Effect[];
  readonly putAgain?: readonly PutAgain[];
  readonly mail?: readonly object[];
  /** Whose chart it is of, where that may be another version; null: it is not here. */
  readonly logic?: Logic | null;
}
