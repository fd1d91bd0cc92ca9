/**
 * Which jobs are taken in, as far as this process knows: not those of a queue, type, limit key or tenant that
 * drains, nor those of a tenant with as many waiting as it may have.
 *
 * What is set is read anew once a second while jobs come in, beside them, and before the next job where
 * this process has set it; where nothing is set, a job pays one look at a clock. The first after a pause
 * waits for the reading. A backlog is counted once a second, and what is taken here since is added: with
 * several processes it is passed by what the others take in that second.
 */
import type { Clock } from "../core/clock.ts";
import { RateLimitedError } from "../core/errors.ts";
import { gateId, type GateName, gatesOf, gateTitle } from "../core/gate.ts";
import type { JobInsert } from "../core/job.ts";
import { statesAccepting } from "../core/lifecycle.ts";
import type { GateStore, JobStore } from "../store/store.ts";

const AGE_MS_MAX = 1_000;
/** What is known is older only where no job has come in for so long. */
const STALE_MS = 2_000;
const DRAINING_RETRY_MS = 60_000;
const BACKLOG_RETRY_MS = 5_000;

const waitingStates = statesAccepting("CLAIM");

/** What taking in needs. */
export interface IntakeHost {
  readonly store: Pick<JobStore, "counts"> & { readonly gates: GateStore };
  readonly clock: Clock;
}

interface Backlog {
  readonly most: number;
  waiting: number;
  countedAt: number;
  /** Of all who come meanwhile: counted by each alone, it would forget whom the others have let in. */
  counting: Promise<void> | null;
}

/** The door of one process. */
export class Intake {
  readonly #host: IntakeHost;
  #draining: ReadonlySet<string> = new Set();
  #backlogs: ReadonlyMap<string, Backlog> = new Map();
  #change: string | null = null;
  #changes = 0;
  #readAt = -Infinity;
  /** What all have to wait for. */
  #reading: Promise<void> | null = null;

  constructor(host: IntakeHost) {
    this.#host = host;
  }

  /**
   * Lets jobs in, all or none. A promise only when it has to be waited for.
   *
   * @throws {RateLimitedError} Something of it is being drained, or a tenant has too many waiting.
   */
  admit(rows: readonly JobInsert[]): Promise<void> | undefined {
    return this.#look()?.then(() => this.#check(rows)) ?? this.#check(rows);
  }

  /**
   * Lets a job that is in already into another queue. It waits where it waited before: its tenant has no more of them.
   *
   * @throws {RateLimitedError} That queue is being drained.
   */
  async admitInto({ tenantId, queue }: Pick<JobInsert, "tenantId" | "queue">): Promise<void> {
    await this.#look();
    this.#demandOpen([{ tenantId, kind: "queue", name: queue }]);
  }

  /** What has to be waited for before anything is known. */
  #look(): Promise<void> | null {
    const now = this.#host.clock.monotonic();
    const { changes } = this.#host.store.gates;
    // Who has opened a queue here sends its first job at once.
    const ageMs = changes === this.#changes ? now - this.#readAt : Infinity;
    if (ageMs >= AGE_MS_MAX) {
      this.#changes = changes;
      this.#readAt = now;
      const reading = this.#read();
      if (ageMs >= STALE_MS) this.#reading = reading.finally(() => this.#reading = null);
      // What cannot be read now is read in a second; if the database is away, the insert will tell.
      else reading.catch(() => {});
    }
    return this.#reading;
  }

  #check(rows: readonly JobInsert[]): Promise<void> | undefined {
    if (this.#draining.size > 0) rows.forEach((row) => this.#demandOpen(gatesOf(row)));
    return this.#backlogs.size > 0 ? this.#checkBacklogs(rows) : undefined;
  }

  #demandOpen(gates: readonly GateName[]): void {
    const gate = gates.find((gate) => this.#draining.has(gateId(gate)));
    if (!gate) return;
    const message = `${gateTitle(gate)} is being drained: it takes no new jobs`;
    throw new RateLimitedError(message, DRAINING_RETRY_MS);
  }

  async #checkBacklogs(rows: readonly JobInsert[]): Promise<void> {
    const asked = new Map<Backlog, number>();
    for (const { tenantId } of rows) {
      const backlog = this.#backlogs.get(tenantId);
      if (!backlog) continue;
      if (!asked.has(backlog)) await this.#count(tenantId, backlog);
      const more = (asked.get(backlog) ?? 0) + 1;
      asked.set(backlog, more);
      if (backlog.waiting + more <= backlog.most) continue;
      const message = `Tenant "${tenantId}" has ${backlog.waiting} jobs waiting, and may have ` +
        `${backlog.most}`;
      throw new RateLimitedError(message, BACKLOG_RETRY_MS);
    }
    for (const [backlog, more] of asked) backlog.waiting += more;
  }

  async #count(tenantId: string, backlog: Backlog): Promise<void> {
    const now = this.#host.clock.monotonic();
    if (now - backlog.countedAt >= AGE_MS_MAX) {
      await (backlog.counting ??= this.#recount(tenantId, backlog, now));
    }
  }

  async #recount(tenantId: string, backlog: Backlog, now: number): Promise<void> {
    try {
      const counts = await this.#host.store.counts(tenantId);
      backlog.countedAt = now;
      backlog.waiting = counts.filter(({ state }) => waitingStates.includes(state))
        .reduce((sum, { count }) => sum + count, 0);
    } finally {
      backlog.counting = null;
    }
  }

  async #read(): Promise<void> {
    try {
      const list = await this.#host.store.gates.read(this.#change);
      if (list === null) return;
      this.#change = list.change;
      this.#draining = new Set(
        list.gates.filter(({ isDraining }) => isDraining).map(gateId),
      );
      this.#backlogs = new Map(
        list.gates.flatMap(({ kind, tenantId, backlog }) =>
          kind === "tenant" && tenantId !== null && backlog !== null
            ? [[tenantId, { most: backlog, waiting: 0, countedAt: -Infinity, counting: null }]]
            : []
        ),
      );
    } catch (error) {
      this.#readAt = -Infinity;
      throw error;
    }
  }
}
