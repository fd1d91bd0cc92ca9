/**
 * The ceiling: our own statements as fast as they can be sent, with nothing between them: no checks,
 * no handler, no buffer, no leases to renew, no pause between hints.
 */
import type postgres from "postgres";
import { newId, newJobId } from "../../src/core/id.ts";
import type { JobInsert } from "../../src/core/job.ts";
import { transition } from "../../src/core/lifecycle.ts";
import { HEAD } from "../../src/runtime/lane_keys.ts";
import type { Change, ClaimedJob, Cursor, Lane, Store } from "../../src/store/store.ts";
import type { Payload, Run, Work } from "../agent/system.ts";

/** Claims under way at once, and the commits of each. */
const CLAIMERS = 2;
const CHANNEL = "bench_ceiling";

/** The insert statement alone. What is added while one is under way travels with the next. */
export class BareInsert {
  readonly #store: Store;
  readonly #sql: postgres.Sql;
  readonly #template: JobInsert;
  #waiting: { work: Work; done: () => void; fail: (error: unknown) => void }[] = [];
  #isFlying = false;

  /** `template`: a job like all others. */
  constructor(store: Store, sql: postgres.Sql, template: JobInsert) {
    this.#store = store;
    this.#sql = sql;
    this.#template = template;
  }

  addMany(works: readonly Work[]): Promise<unknown> {
    return this.#store.insert(works.map((work) => this.#rowOf(work)));
  }

  add(work: Work): Promise<void> {
    const added = new Promise<void>((done, fail) => this.#waiting.push({ work, done, fail }));
    if (!this.#isFlying) queueMicrotask(() => this.#fly());
    this.#isFlying = true;
    return added;
  }

  async #fly(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.addMany(batch.map(({ work }) => work));
        for (const { done } of batch) done();
      } catch (error) {
        for (const { fail } of batch) fail(error);
      }
      void this.#sql.notify(CHANNEL, "");
    }
    this.#isFlying = false;
  }

  #rowOf({ payload, delayMs }: Work): JobInsert {
    return {
      ...this.#template,
      id: newJobId(this.#template.tenantId),
      payloadJson: JSON.stringify(payload),
      delayMs: delayMs ?? null,
    };
  }
}

/** Claims and commits what is there, and what comes. */
export class BareWorker {
  readonly #store: Store;
  readonly #run: Run;
  readonly #limit: number;
  readonly #worker = newId();
  /** There is but one. */
  #lane: Lane | undefined;
  #cursor: Cursor = HEAD;
  #isAwake = false;
  #isRoused = false;

  constructor(store: Store, limit: number, run: Run) {
    this.#store = store;
    this.#limit = limit;
    this.#run = run;
  }

  /** Drains, and drains again whenever something is added. */
  async start(sql: postgres.Sql): Promise<void> {
    await sql.listen(CHANNEL, () => void this.#wake());
    void this.#wake();
  }

  async #wake(): Promise<void> {
    this.#isRoused = true;
    if (this.#isAwake) return;
    this.#isAwake = true;
    while (this.#isRoused) {
      this.#isRoused = false;
      const lane = this.#lane ??= (await this.#store.lanes())[0];
      if (lane) await Promise.all(Array.from({ length: CLAIMERS }, () => this.#drain(lane)));
    }
    this.#isAwake = false;
  }

  async #drain(lane: Lane): Promise<void> {
    let flying: Promise<void> = Promise.resolve();
    while (true) {
      const jobs = await this.#claim(lane);
      const last = jobs.at(-1);
      if (!last) break;
      this.#cursor = { runAt: last.runAt, id: last.id };
      for (const { payload, attempt } of jobs) {
        void this.#run(payload as unknown as Payload, attempt);
      }
      // One commit may be under way while the next claim is.
      await flying;
      flying = this.#store.commit(this.#worker, jobs.map(succeeded)).then((refused) => {
        if (refused.length > 0) throw new Error(`${refused.length} jobs were refused`);
      });
    }
    await flying;
  }

  #claim(lane: Lane): Promise<ClaimedJob[]> {
    const limit = this.#limit;
    return this.#store.claim({
      leaseId: newId(),
      worker: this.#worker,
      leaseMs: 30_000,
      limit,
      lanes: [{ quantum: limit, levels: [{ lane, from: this.#cursor }] }],
      alone: false,
    });
  }
}

function succeeded(job: ClaimedJob): Change {
  const context = { ...job, cancelRequested: false };
  const decision = transition({ state: "running", context }, { type: "SUCCEED" });
  if (!decision.accepted) throw new Error("A running job must be able to succeed");
  return {
    tenantId: job.tenantId,
    id: job.id,
    version: job.version,
    attempt: job.attempt,
    leaseId: job.leaseId,
    decision,
    output: "null",
    error: null,
    cause: null,
    cancelKnown: null,
    ctid: job.ctid,
  };
}
