/**
 * The ceiling: our own claim and commit statements as fast as they can be sent, with nothing between
 * them: no handler, no buffer, no leases to renew.
 */
import { newId } from "../../src/core/id.ts";
import { transition } from "../../src/core/lifecycle.ts";
import { HEAD } from "../../src/runtime/lane_book.ts";
import type { Change, ClaimedJob, Cursor, Lane, Store } from "../../src/store/store.ts";
import { order, type Run } from "../agent/system.ts";

/** Claims under way at once, and the commits of each. */
const CLAIMERS = 2;

/** Drains the store. `run` only counts. */
export async function driveStore(
  store: Store,
  batchSize: number,
  run: Run,
): Promise<void> {
  const [lane] = await store.lanes();
  if (!lane) return;
  const worker = newId();
  const cursor: { at: Cursor } = { at: HEAD };
  const claimer = async () => {
    let flying: Promise<void> = Promise.resolve();
    while (true) {
      const jobs = await claim(store, {
        lane,
        worker,
        limit: batchSize,
        from: cursor.at,
      });
      const last = jobs.at(-1);
      if (!last) break;
      cursor.at = { runAt: last.runAt, id: last.id };
      // One commit may be under way while the next claim is.
      await flying;
      flying = store.commit(worker, jobs.map(succeeded)).then((refused) => {
        if (refused.length > 0) {
          throw new Error(`${refused.length} jobs were refused`);
        }
        for (const { attempt } of jobs) void run(order(), attempt);
      });
    }
    await flying;
  };
  await Promise.all(Array.from({ length: CLAIMERS }, claimer));
}

function claim(
  store: Store,
  { lane, worker, limit, from }: {
    lane: Lane;
    worker: string;
    limit: number;
    from: Cursor;
  },
): Promise<ClaimedJob[]> {
  return store.claim({
    leaseId: newId(),
    worker,
    leaseMs: 30_000,
    limit,
    lanes: [{ quantum: limit, levels: [{ lane, from }] }],
    alone: false,
  });
}

function succeeded(job: ClaimedJob): Change {
  const context = { ...job, cancelRequested: false };
  const decision = transition({ state: "running", context }, {
    type: "SUCCEED",
  });
  if (!decision.accepted) {
    throw new Error("A running job must be able to succeed");
  }
  return {
    tenantId: job.tenantId,
    id: job.id,
    version: job.version,
    leaseId: job.leaseId,
    decision,
    output: "null",
    error: null,
    cause: null,
    cancelKnown: null,
  };
}
