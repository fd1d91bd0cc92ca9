/** Jobs into the database: one statement per batch, idempotency keys, unknown results read back. */
import { systemClock } from "../core/clock.ts";
import { UnavailableError, UnknownResultError } from "../core/errors.ts";
import { tenantTag } from "../core/id.ts";
import type { JobInsert } from "../core/job.ts";
import { Lately } from "../core/lately.ts";
import { INITIAL_STATE } from "../core/lifecycle.ts";
import * as sql from "../../sql/mod.ts";
import { toClaimed, toStarted } from "./claimed.ts";
import type { Statement } from "./database.ts";
import type { Sender } from "./entrance.ts";
import { RefusedError } from "./failures.ts";
import { insertStatement, isPlain, payloadHash, startStatement } from "./inserting.ts";
import { column, quoted, quotedOrNull } from "./literal.ts";
import { created, toId, toKeyHolder, toKnownKey, toPlaces } from "./rows.ts";
import type { RequestDatabase } from "./request.ts";
import type {
  ClaimedJob,
  Entered,
  Inserted,
  Keyed,
  KnownKey,
  NamedClaim,
  Placed,
  Requesters,
  SendStatement,
} from "./store.ts";

const READ_BACK_TRIES = 3;
const UNIQUE_VIOLATION = "23505";

/** Where a job was stored: null when only read back, undefined when its key has another job. */
type PlaceOf = (job: JobInsert) => Placed | null | undefined;

/** The enqueue side of the store. Remembers for a while which tenants exist. */
export class Enqueue {
  readonly #db: Sender;
  readonly #requests: Pick<RequestDatabase, "hasWall" | "entrance"> | null;
  readonly #tenants: Lately;

  /** @param requests The way in for jobs of many requests; null: `db` is behind it already, or inside. */
  constructor(
    db: Sender,
    requests: Pick<RequestDatabase, "hasWall" | "entrance"> | null,
    tenants: Lately = new Lately(systemClock),
  ) {
    this.#db = db;
    this.#requests = requests;
    this.#tenants = tenants;
  }

  /** Stores jobs of these requesters, and of nobody else. */
  async for(requesters: Requesters): Promise<Enqueue> {
    const requests = this.#requests;
    if (!requests || !requesters || !await requests.hasWall()) return this;
    return new Enqueue(requests.entrance.of(requesters), null, this.#tenants);
  }

  /**
   * `JobStore.insertIn`. Tenants are added outside: inside, a new one would be locked until the
   * caller commits, and everybody else who enqueues for it would wait.
   */
  async insertIn(send: SendStatement, jobs: readonly JobInsert[]): Promise<Inserted[]> {
    await this.addTenants(jobs);
    const inside: Sender = {
      query: (text, parameters = []) => send(text, parameters),
      queryBefore: (_next, text, parameters) => send(text, parameters),
    };
    return await new Enqueue(inside, null, this.#tenants).insertMany(jobs);
  }

  /** `JobStore.insert`. */
  async insertMany(jobs: readonly JobInsert[]): Promise<Inserted[]> {
    const entered = await this.insert(jobs);
    return entered.map(({ id, created, differs }) => ({ id, created, differs }));
  }

  /** `JobStore.enter`. */
  async insert(jobs: readonly JobInsert[], next: Statement | null = null): Promise<Entered[]> {
    if (jobs.length === 0) return [];
    await this.addTenants(jobs);
    const firsts = firstOfEachKey(jobs);
    const placeOf = await this.#insertSafely(firsts, next);
    const isOpen = (job: JobInsert) => job.idempotencyKey !== null && placeOf(job) === undefined;
    const held = await this.#holders(jobs.filter(isOpen));
    return jobs.map((job) => {
      const placed = placeOf(job);
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
   * `JobStore.enterStarted`. After a lost answer its lease tells whether they are there.
   */
  async insertStarted(jobs: readonly JobInsert[], lease: NamedClaim): Promise<ClaimedJob[] | null> {
    if (!jobs.every(isPlain)) return null;
    await this.addTenants(jobs);
    const { text, parameters } = startStatement(jobs, lease);
    try {
      const [row] = await this.#db.query(text, parameters);
      if (!row) return null;
      return jobs.map((job) => toStarted(job, lease.leaseId, row));
    } catch (error) {
      if (!(error instanceof UnknownResultError)) throw error;
      const held = toClaimed(await this.#db.query(sql.leased, [lease.leaseId]), lease.leaseId);
      if (held.length === jobs.length) return inOrderOf(jobs, held);
      // A lease that is over already, and its jobs are elsewhere; or they may still come in.
      if (!error.isSettled || (await this.#existing(jobs)).length > 0) throw error;
      return null;
    }
  }

  /**
   * `InboxStore.take`. After a lost answer the inbox tells: what is still there is asked for again.
   * Of two jobs with one key the second is for the next call, which finds the first.
   */
  async takeIn(jobs: readonly JobInsert[]): Promise<string[]> {
    if (jobs.length === 0) return [];
    await this.addTenants(jobs);
    const { told } = await this.#send(firstOfEachKey(jobs), true);
    return [...told.keys()];
  }

  /** `JobStore.known`. */
  async known(jobs: readonly Keyed[]): Promise<KnownKey[]> {
    const keyed = jobs.filter((job) => job.idempotencyKey !== null);
    if (keyed.length === 0) return [];
    const rows = await this.#db.query(sql.knownKeys, [
      column(keyed, (job) => quoted(job.tenantId)),
      column(keyed, (job) => job.id),
      column(keyed, (job) => quotedOrNull(job.idempotencyKey)),
      column(keyed, payloadHash),
    ]);
    return rows.map(toKnownKey);
  }

  /**
   * Inserts, and after a lost answer reads back which ids are stored, in any home, before it sends
   * the rest again: a job may already have run and been archived. What may still come in is not sent
   * again: its second copy would find nothing in its way once the first has run.
   */
  async #insertSafely(jobs: readonly JobInsert[], next: Statement | null): Promise<PlaceOf> {
    const stored = new Set<string>();
    for (let tries = 1;; tries++) {
      const rest = stored.size === 0 ? jobs : jobs.filter((job) => !stored.has(job.id));
      if (rest.length === 0) return () => null;
      try {
        const { createdAt, told } = await this.#send(rest, false, next);
        const plain: Placed = { state: INITIAL_STATE, version: 1, runAt: createdAt, createdAt };
        return (job) => {
          if (stored.size > 0 && stored.has(job.id)) return null;
          const placed = told.size > 0 ? told.get(job.id) : undefined;
          return placed ?? (job.idempotencyKey === null ? plain : undefined);
        };
      } catch (error) {
        const mayBeStored = error instanceof UnknownResultError || (tries > 1 && isDouble(error));
        if (!mayBeStored || tries === READ_BACK_TRIES) throw error;
        for (const id of await this.#existing(rest)) stored.add(id);
        const mayStillCome = error instanceof UnknownResultError && !error.isSettled;
        if (mayStillCome && stored.size < jobs.length) throw error;
      }
    }
  }

  async #send(jobs: readonly JobInsert[], fromInbox: boolean, next: Statement | null = null) {
    const { text, parameters } = insertStatement(jobs, fromInbox, this.#db.tenants);
    const [row] = await this.#db.queryBefore(next, text, parameters);
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

  async #holders(open: readonly JobInsert[]) {
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
    for (const tenant of unknown) this.#tenants.add(tenant);
  }
}

/** The first try was committed after all, and after it was looked for. */
function isDouble(error: unknown): boolean {
  return error instanceof RefusedError && error.sqlState === UNIQUE_VIOLATION;
}

function inOrderOf(jobs: readonly JobInsert[], held: readonly ClaimedJob[]): ClaimedJob[] {
  const byId = new Map(held.map((job) => [job.id, job]));
  return jobs.map(({ id }) => byId.get(id)).filter((job) => job !== undefined);
}

function keyOf(job: JobInsert): string {
  return JSON.stringify([job.tenantId, job.idempotencyKey]);
}

/** Two jobs with one key in one call are one job: the first. */
function firstOfEachKey(jobs: readonly JobInsert[]): readonly JobInsert[] {
  if (jobs.every((job) => job.idempotencyKey === null)) return jobs;
  const seen = new Set<string>();
  return jobs.filter((job) => {
    if (job.idempotencyKey === null) return true;
    const key = keyOf(job);
    return !seen.has(key) && seen.add(key);
  });
}
