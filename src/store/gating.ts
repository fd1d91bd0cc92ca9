/** The port of what decides about starts beside limits: ordering keys, circuit breakers, and locks. */
import type { JobState } from "../../machines/job.ts";
import type { Breaker, BreakerMove, BreakerStep } from "../core/breaker.ts";
import type { GateName } from "../core/gate.ts";
import type { Lane } from "./records.ts";

/** An ordering key whose first job is a dead letter that keeps its place. */
export interface BlockedKey {
  readonly tenantId: string;
  readonly key: string;
  /** The dead letter; its type and error are null when it has just been deleted. */
  readonly jobId: string;
  readonly type: string | null;
  readonly error: string | null;
  readonly since: string;
  /** Jobs behind it. */
  readonly waiting: number;
}

/** Whose turn it is in the ordering key of a job. */
export interface KeyPlace {
  readonly firstId: string;
  /** Null: it is just leaving. */
  readonly firstState: JobState | null;
  /** Jobs of the key before this one; 0: it is the first itself. */
  readonly ahead: number;
}

/** Ordering keys. A claim finds no job that is not the first of its key. */
export interface OrderStore {
  /**
   * Lets jobs start that are the first of their key and could not be told so by the end of the one before.
   * Gives their lanes. Any process may call it at any time.
   */
  promote(keys: number): Promise<Lane[]>;
  /** Blocked keys of a tenant by name, after one. */
  blocked(tenantId: string, after: string, limit: number): Promise<BlockedKey[]>;
  /** Lets a blocked key go on: the id of the dead letter that has blocked it. Null: it is not blocked. */
  unblock(tenantId: string, key: string): Promise<string | null>;
  /** Null: the job has no place in the key any more. */
  turnOf(tenantId: string, key: string, id: string): Promise<KeyPlace | null>;
}

/** A change of a breaker, to be stored. */
export interface BreakerChange extends BreakerMove {
  readonly gate: GateName;
  /** As it was read; null: it was not there. */
  readonly before: Breaker | null;
  /** By whom; null: by outcomes. */
  readonly cause: string | null;
}

/** Breakers, as the runtime sees them. Each write is guarded by the version that was read. */
export interface BreakerStore {
  /** Those of these gates that there are. */
  read(gates: readonly GateName[]): Promise<Breaker[]>;
  /** Those of a tenant, and those of all tenants together. */
  list(tenantId: string): Promise<Breaker[]>;
  /** False: somebody was faster. */
  save(change: BreakerChange): Promise<boolean>;
  /** Changes of state after a version, ascending. */
  steps(gate: GateName, after: number, limit: number): Promise<BreakerStep[]>;
}

/** Who holds a lock. */
export interface LockHolder {
  readonly tenantId: string;
  /** The job. */
  readonly id: string;
  readonly worker: string;
}

/** A lock that was taken. */
export interface LockName {
  readonly tenantId: string;
  readonly name: string;
  readonly token: number;
}

/** Locks, as attempts take them. */
export interface LockStore {
  /** The token; null: somebody else has it. */
  take(holder: LockHolder, name: string, ttlMs: number): Promise<number | null>;
  /** False: it is lost. */
  renew(lock: LockName, ttlMs: number): Promise<boolean>;
  release(lock: LockName): Promise<void>;
}
