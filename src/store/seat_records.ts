/** Actors by the activities that they wait for. */
import type { ActorName, ActorView, Turn } from "./actor_records.ts";

/** The activity of an actor. */
export interface Awaited extends ActorName {
  readonly jobId: string;
}

/** What an activity's actor is, while it waits for it. */
export interface ActorSeats {
  /**
   * Actors that wait for these activities, by the activity's job. Left out: one that has left its
   * activity, that does not run, or that has mail to read first.
   */
  seats(awaited: readonly Awaited[]): Promise<ReadonlyMap<string, ActorView>>;
}

/** What whoever traces wants to hear; a store by itself does not. */
export interface ActorWatch {
  /** Of a turn that a caller waits for, while it is the caller who runs: it may be committed with others'. */
  asked?(turn: Turn): void;
}
