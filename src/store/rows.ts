/** Rows in, records out: the only place that knows the columns, and the only one with casts. */
import { eventOf, stateOf } from "../core/codes.ts";
import { nameOf } from "../core/actor/address.ts";
import type { StoredFile } from "./file_records.ts";
import type { Job, Transition } from "../core/job.ts";
import type { Json } from "../core/json.ts";
import type { JobName, Tenant } from "../core/listing.ts";
import type { JobError } from "../core/failure.ts";
import type { Backoff } from "../core/backoff.ts";
import type { Scope } from "../core/access.ts";
import type { ApiKey } from "../core/api_key.ts";
import type { Row } from "./database.ts";
import type {
  Cursor,
  Entered,
  ExpiredJob,
  KnownKey,
  Lane,
  Letter,
  Placed,
  Sight,
  StateCount,
  Suspect,
} from "./store.ts";

/** A statement of ours gives exactly its columns; checking each again would cost the hot path. */
export function shape<T>(row: Row): T {
  return row as T;
}

/** lanes.sql */
export function toLane(row: Row): Lane {
  const r = shape<{
    t: string;
    l: string;
    p: number;
    q: string;
    k: string;
    part: string | null;
    lk: string | null;
    ordered: boolean;
  }>(row);
  return {
    tenantId: r.t,
    lane: r.l,
    priority: r.p,
    queue: r.q,
    type: r.k,
    partitionKey: r.part,
    limitKey: r.lk,
    isOrdered: r.ordered,
  };
}

/** glance.sql */
export function toSight(row: Row | undefined): Sight {
  if (!row) throw new Error("A glance gave no row");
  const { gate_change: gateChange, took_ms: tookMs, ...sight } = shape<
    Omit<Sight, "gateChange" | "tookMs"> & { gate_change: string; took_ms: number }
  >(row);
  return { ...sight, gateChange, tookMs };
}

/** suspects.sql */
export function toSuspect(row: Row): Suspect {
  const r = shape<{ r: string; i: string }>(row);
  const at: Cursor = { runAt: r.r, id: r.i };
  return { lane: toLane(row), at };
}

/** expired.sql and overdue_cancels.sql; null when the lease or request holds no job any more. */
export function toExpired(row: Row): ExpiredJob | null {
  const r = shape<{
    l: string;
    w?: string;
    t: string | null;
    i: string;
    k: string;
    q: string;
    v: number | null;
    s: number;
    a: number;
    ma: number;
    cr: number;
    mc: number;
    cs?: boolean;
  }>(row);
  if (r.t === null || r.v === null) return null;
  return {
    tenantId: r.t,
    id: r.i,
    version: r.v,
    type: r.k,
    queue: r.q,
    leaseId: r.l,
    worker: r.w ?? null,
    state: stateOf(r.s),
    context: {
      attempt: r.a,
      maxAttempts: r.ma,
      crashes: r.cr,
      maxCrashes: r.mc,
      cancelRequested: r.cs ?? true,
    },
  };
}

/** get.sql */
export function toJob(row: Row): Job {
  const r = shape<{
    [key: string]: unknown;
    has_data: boolean;
    has_output: boolean;
    state: number;
    created_at: Date;
    run_at: Date;
  }>(row);
  return {
    id: r.id as string,
    tenantId: r.tenant_id as string,
    type: r.type as string,
    queue: r.queue as string,
    state: stateOf(r.state),
    version: r.version as number,
    attempt: r.attempt as number,
    maxAttempts: r.max_attempts as number,
    crashes: r.crashes as number,
    priority: r.priority as number,
    payload: (r.has_data ? r.big_payload : r.payload) as Json,
    output: (r.has_output ? r.big_output : r.output) as Json,
    progress: r.progress as Json,
    lastError: r.last_error as JobError | null,
    runAt: r.run_at.toISOString(),
    createdAt: r.created_at.toISOString(),
    startedAt: instant(r.started_at),
    finishedAt: instant(r.finished_at),
    leaseId: r.lease_id as string | null,
    leaseOwner: r.lease_owner as string | null,
    leaseUntil: instant(r.lease_until),
    partitionKey: r.partition_key as string | null,
    orderingKey: r.ordering_key as string | null,
    limitKey: r.limit_key as string | null,
    idempotencyKey: r.idempotency_key as string | null,
    tags: (r.tag_list ?? []) as string[],
    metadata: r.metadata as Json,
    clonedFrom: r.cloned_from as string | null,
    parentId: parentOf(r.parent_id as string | null, r.metadata as Json),
    cancelRequestedAt: instant(r.cancel_requested_at),
    maxCrashes: r.max_crashes as number,
    timeoutMs: r.timeout_ms as number,
    backoff: r.backoff as Backoff | null,
  };
}

/**
 * Under the name that clients know: the jobs of an actor and of a batch bear its address beside the
 * number that it has in the tables.
 */
function parentOf(uid: string | null, metadata: Json): string | null {
  const { batch, actor } = Object(metadata);
  const address: unknown = uid === null ? null : batch ?? actor;
  return typeof address === "string" ? nameOf(address) : uid;
}

/** history.sql */
export function toTransition(row: Row): Transition {
  const r = shape<{
    version: number;
    event: number;
    from_state: number | null;
    to_state: number;
    attempt: number;
    worker: string | null;
    cause: string | null;
    at: Date;
  }>(row);
  return {
    version: r.version,
    from: r.from_state === null ? null : stateOf(r.from_state),
    event: eventOf(r.event),
    to: stateOf(r.to_state),
    at: r.at.toISOString(),
    attempt: r.attempt,
    worker: r.worker,
    cause: r.cause,
  };
}

/** counts.sql */
export function toCount(row: Row): StateCount {
  const r = shape<{ q: string; s: number; n: string }>(row);
  return { queue: r.q, state: stateOf(r.s), count: Number(r.n) };
}

/** key_holders.sql */
export function toKeyHolder(row: Row): { tenantId: string; key: string; id: string; hash: string } {
  const r = shape<{ t: string; key: string; i: string; hash: string }>(row);
  return { tenantId: r.t, key: r.key, id: r.i, hash: r.hash };
}

/** known_keys.sql */
export function toKnownKey(row: Row): KnownKey {
  const r = shape<{ i: string; key: string; holder: string; differs: boolean }>(row);
  return { id: r.i, key: r.key, holder: r.holder, differs: r.differs };
}

/** fate.sql */
export interface Fate {
  readonly t: string;
  readonly i: string;
  /** Who wrote the next version, by which event code; null: nobody yet. */
  readonly w: string | null;
  readonly e: number | null;
  /** The live row's version now, and whether a cancel was requested. */
  readonly v: number | null;
  readonly cs: boolean;
}

/** fate.sql */
export function toFate(row: Row): Fate {
  return shape<Fate>(row);
}

/** request_cancel.sql: when the request was made. */
export function toRequestedAt(row: Row): string {
  return shape<{ at: Date }>(row).at.toISOString();
}

/** renew.sql */
export function toRenewed(row: Row): { leaseId: string; cancels: readonly string[] } {
  const r = shape<{ l: string; cancels: readonly string[] | null }>(row);
  return { leaseId: r.l, cancels: r.cancels ?? [] };
}

/** file_get.sql */
export function toStoredFile(row: Row): StoredFile {
  const r = shape<{
    tenant_id: string;
    id: string;
    name: string;
    media_type: string;
    size: number;
    created_at: Date;
  }>(row);
  const { id, name, size } = r;
  const createdAt = r.created_at.toISOString();
  return { id, tenantId: r.tenant_id, name, mediaType: r.media_type, size, createdAt };
}

/** file_read.sql */
export function toBytes(row: Row): Uint8Array {
  const text = atob(field<string>(row, "data"));
  const bytes = new Uint8Array(text.length);
  // Twenty times as fast as `Uint8Array.from` with a function: a file has megabytes.
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** steps.sql */
export function toStep(row: Row): readonly [string, Json] {
  const r = shape<{ name: string; value: Json }>(row);
  return [r.name, r.value];
}

/** find_key.sql and list_keys.sql */
export function toApiKey(row: Row): { key: ApiKey; hash: string } {
  const r = shape<{
    tenant_id: string;
    id: string;
    name: string;
    secret_hash: string;
    scopes: readonly Scope[];
    created_at: Date;
    is_live: boolean;
    [key: string]: unknown;
  }>(row);
  const key: ApiKey = {
    id: r.id,
    tenantId: r.tenant_id === "*" ? null : r.tenant_id,
    name: r.name,
    scopes: r.scopes,
    createdAt: r.created_at.toISOString(),
    expiresAt: instant(r.expires_at),
    revokedAt: instant(r.revoked_at),
    lastUsedAt: instant(r.last_used_at),
    isLive: r.is_live,
  };
  return { key, hash: r.secret_hash };
}

/** inbox.sql */
export function toLetter(row: Row): Letter {
  const r = shape<{ t: string; i: string; k: string; y: string | null; o: string }>(row);
  return { tenantId: r.t, id: r.i, type: r.k, payloadJson: r.y, optionsJson: r.o };
}

/** Rows whose one id column is `i`. */
export function toId(row: Row): string {
  return shape<{ i: string }>(row).i;
}

/** One column of text, number or boolean. */
export function field<T extends string | number | boolean | Date>(
  row: Row | undefined,
  name: string,
): T {
  if (!row) throw new Error(`Cannot read "${name}": the statement gave no row`);
  return row[name] as T;
}

/** An insert that was the first of its key, or had none. */
export function created(id: string, placed: Placed | null): Entered {
  return { id, created: true, differs: false, placed };
}

/** insert.sql: when it was, and the jobs it tells of. */
export function toPlaces(row: Row): { createdAt: string; told: ReadonlyMap<string, Placed> } {
  const r = shape<{ c: Date; told: string | null }>(row);
  const createdAt = r.c.toISOString();
  const told = (r.told?.split("\n") ?? []).map((line): [string, Placed] => {
    const [id = "", state, version, ...runAt] = line.split(" ");
    return [id, {
      state: stateOf(Number(state)),
      version: Number(version),
      runAt: new Date(runAt.join(" ")).toISOString(),
      createdAt,
    }];
  });
  return { createdAt, told: new Map(told) };
}

/** tenants.sql */
export function toTenant(row: Row): Tenant {
  const r = shape<{ id: string; created_at: Date }>(row);
  return { id: r.id, createdAt: r.created_at.toISOString() };
}

/** Rows that name a job: `t` and `i`. */
export function toJobName(row: Row): JobName {
  const r = shape<{ t: string; i: string }>(row);
  return { tenantId: r.t, id: r.i };
}

function instant(value: unknown): string | null {
  return value instanceof Date ? value.toISOString() : null;
}
