/** Jobs into the database: one statement per batch, idempotency keys, unknown results read back. */
import { eventCode, stateCode } from "../core/codes.ts";
import { UnavailableError, UnknownResultError } from "../core/errors.ts";
import { hash64 } from "../core/hash.ts";
import { tenantTag } from "../core/id.ts";
import type { JobInsert } from "../core/job.ts";
import { INITIAL_STATE, targetOf } from "../core/lifecycle.ts";
import { KEY_TTL_MS, limits } from "../core/limits.ts";
import * as sql from "../../sql/mod.ts";
import { laneKey } from "../core/lane.ts";
import type { Database } from "./database.ts";
import { RefusedError } from "./failures.ts";
import { column, quoted, quotedJson, quotedOrNull, repeated, sparseColumn } from "./literal.ts";
import { created, toId, toKeyHolder, toPlaces } from "./rows.ts";
import type { Entered, Placed, SendStatement } from "./store.ts";

const READ_BACK_TRIES = 3;
const UNIQUE_VIOLATION = "23505";
const KNOWN_TENANTS_MAX = 100_000;

/** The enqueue side of the store. Remembers which tenants exist. */
export class Enqueue {
  readonly #db: Pick<Database, "query">;
  readonly #tenants: Set<string>;

  constructor(db: Pick<Database, "query">, tenants: Set<string> = new Set()) {
    this.#db = db;
    this.#tenants = tenants;
  }

  /**
   * `JobStore.insertIn`. Tenants are added outside: inside, a new one would be locked until the
   * caller commits, and everybody else who enqueues for it would wait.
   */
  async insertIn(send: SendStatement, jobs: readonly JobInsert[]): Promise<Entered[]> {
    await this.addTenants(jobs);
    return await new Enqueue({ query: send }, this.#tenants).insert(jobs);
  }

  /** `JobStore.enter`. */
  async insert(jobs: readonly JobInsert[]): Promise<Entered[]> {
    if (jobs.length === 0) return [];
    await this.addTenants(jobs);
    const firsts = firstOfEachKey(jobs);
    const inserted = await this.#insertSafely(firsts);
    const held = await this.#holders(jobs.filter((job) => job.idempotencyKey !== null), inserted);
    return jobs.map((job) => {
      const placed = inserted.get(job.id);
      if (placed !== undefined) return created(job.id, placed);
      const holder = job.idempotencyKey === null ? undefined : held.get(keyOf(job));
      // No row and no holder: the key was released between the two statements.
      if (!holder) throw new UnavailableError(`Could not settle job ${job.id}; send it again`);
      if (holder.id === job.id) return created(job.id, null);
      const differs = holder.hash !== payloadHash(job);
      return { id: holder.id, created: false, differs, placed: null };
    });
  }

  /**
   * `InboxStore.take`. After a lost answer the inbox tells: what is still there is asked for again.
   * Of two jobs with one key the second is for the next call, which finds the first.
   */
  async takeIn(jobs: readonly JobInsert[]): Promise<string[]> {
    if (jobs.length === 0) return [];
    await this.addTenants(jobs);
    return [...(await this.#send(firstOfEachKey(jobs), true)).told.keys()];
  }

  /**
   * Inserts, and after a lost answer reads back which ids are stored, in any home, before it sends
   * the rest again: a job may already have run and been archived.
   */
  async #insertSafely(jobs: readonly JobInsert[]): Promise<Map<string, Placed | null>> {
    const stored = new Map<string, Placed | null>();
    for (let tries = 1;; tries++) {
      const rest = jobs.filter((job) => !stored.has(job.id));
      try {
        if (rest.length > 0) {
          const { createdAt, told } = await this.#send(rest, false);
          const plain: Placed = { state: INITIAL_STATE, version: 1, runAt: createdAt, createdAt };
          for (const job of rest) {
            const placed = told.get(job.id) ?? (job.idempotencyKey === null ? plain : undefined);
            if (placed) stored.set(job.id, placed);
          }
        }
        return stored;
      } catch (error) {
        const mayBeStored = error instanceof UnknownResultError || (tries > 1 && isDouble(error));
        if (!mayBeStored || tries === READ_BACK_TRIES) throw error;
      }
      for (const id of await this.#existing(rest)) stored.set(id, null);
    }
  }

  async #send(jobs: readonly JobInsert[], fromInbox: boolean) {
    const [row] = await this.#db.query(sql.insert, parametersOf(jobs, fromInbox));
    if (!row) throw new UnavailableError("An insert gave no answer");
    return toPlaces(row);
  }

  async #existing(jobs: readonly JobInsert[]): Promise<string[]> {
    const rows = await this.#db.query(sql.existing, [
      column(jobs, (job) => quoted(job.tenantId)),
      column(jobs, (job) => job.id),
    ]);
    return rows.map(toId);
  }

  async #holders(keyed: readonly JobInsert[], inserted: ReadonlyMap<string, unknown>) {
    const open = keyed.filter((job) => !inserted.has(job.id));
    if (open.length === 0) return new Map<string, ReturnType<typeof toKeyHolder>>();
    const rows = await this.#db.query(sql.keyHolders, [
      column(open, (job) => quoted(job.tenantId)),
      column(open, (job) => quotedOrNull(job.idempotencyKey)),
    ]);
    return new Map(rows.map(toKeyHolder).map((h) => [JSON.stringify([h.tenantId, h.key]), h]));
  }

  /** Tenants exist from first use. */
  async addTenants(jobs: readonly { readonly tenantId: string }[]): Promise<void> {
    const unknown = new Set<string>();
    for (const job of jobs) if (!this.#tenants.has(job.tenantId)) unknown.add(job.tenantId);
    if (unknown.size === 0) return;
    const tenants = [...unknown];
    await this.#db.query(sql.addTenants, [column(tenants, quoted), column(tenants, tenantTag)]);
    if (this.#tenants.size > KNOWN_TENANTS_MAX) this.#tenants.clear();
    for (const tenant of unknown) this.#tenants.add(tenant);
  }
}

/** The first try was committed after all, and after it was looked for. */
function isDouble(error: unknown): boolean {
  return error instanceof RefusedError && error.sqlState === UNIQUE_VIOLATION;
}

function keyOf(job: JobInsert): string {
  return JSON.stringify([job.tenantId, job.idempotencyKey]);
}

/** Two jobs with one key in one call are one job: the first. */
function firstOfEachKey(jobs: readonly JobInsert[]): JobInsert[] {
  const seen = new Set<string>();
  return jobs.filter((job) => {
    if (job.idempotencyKey === null) return true;
    const key = keyOf(job);
    return !seen.has(key) && seen.add(key);
  });
}

/** What a later request with the same key is compared by; the order of object keys is no matter. */
function payloadHash(job: JobInsert): string {
  return hash64(`${job.type}\n${canonical(JSON.parse(job.payloadJson))}`);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(",")}}`;
}

function parametersOf(jobs: readonly JobInsert[], fromInbox: boolean) {
  const isLarge = (job: JobInsert) => job.payloadJson.length > limits.inlineBytesMax;
  const json = (value: object | null) => value === null ? null : quotedJson(JSON.stringify(value));
  const keyed = (job: JobInsert) => job.idempotencyKey === null ? null : payloadHash(job);
  return [
    stateCode(INITIAL_STATE),
    stateCode(targetOf("SCHEDULE")),
    eventCode("SCHEDULE"),
    KEY_TTL_MS,
    column(jobs, repeated((job) => job.tenantId, quoted)),
    column(jobs, (job) => job.id),
    column(jobs, laneKey),
    column(jobs, repeated((job) => job.queue, quoted)),
    column(jobs, repeated((job) => job.type, quoted)),
    column(jobs, (job) => job.priority),
    column(jobs, (job) => job.maxAttempts),
    column(jobs, (job) => job.maxCrashes),
    column(jobs, (job) => job.timeoutMs),
    sparseColumn(jobs, (job) => job.delayMs),
    sparseColumn(jobs, (job) => quotedOrNull(job.runAt)),
    sparseColumn(jobs, (job) => isLarge(job) ? null : quotedJson(job.payloadJson)),
    sparseColumn(jobs, (job) => isLarge(job) ? quotedJson(job.payloadJson) : null),
    sparseColumn(jobs, (job) => quotedOrNull(job.partitionKey)),
    sparseColumn(jobs, (job) => json(job.backoff)),
    sparseColumn(jobs, (job) => job.metadataJson === null ? null : quotedJson(job.metadataJson)),
    sparseColumn(jobs, (job) => job.tags === null ? null : quoted(column(job.tags, quoted))),
    sparseColumn(jobs, (job) => job.clonedFrom),
    sparseColumn(jobs, (job) => quotedOrNull(job.idempotencyKey)),
    sparseColumn(jobs, keyed),
    fromInbox,
  ];
}
