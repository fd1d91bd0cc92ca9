/** What the pages keep in the store. */
import type { Flow } from "../core/flow.ts";

/** How many actors are in one state. */
export interface ActorCount {
  readonly state: string;
  readonly status: string;
  readonly count: number;
}

/** The side of the store that the pages use. */
export interface UiStore {
  readonly flows: FlowStore;
  /** @param tokenHash SHA-256, hexadecimal. */
  startSession(tokenHash: string, keyId: string, ttlMs: number): Promise<void>;
  /** The id of the key that a session stands for; null: over, or never begun. */
  sessionKey(tokenHash: string): Promise<string | null>;
  endSession(tokenHash: string): Promise<void>;
  /** A picture by the hash of its chart; null: not drawn yet in this way. */
  findPicture(hash: string, layout: number): Promise<string | null>;
  keepPicture(hash: string, layout: number, svg: string): Promise<void>;
  /** Actors of a machine by state, the largest groups first; `tenantId` null: of all tenants. */
  countActors(tenantId: string | null, machine: string): Promise<ActorCount[]>;
}

/** Where flows are read. */
export interface FlowStore {
  /** Of jobs; `tenantId` null: of all tenants. */
  flowOfJobs(tenantId: string | null, windowMs: number): Promise<Flow>;
  flowOfActors(tenantId: string | null, machine: string, windowMs: number): Promise<Flow>;
}
