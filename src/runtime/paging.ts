/** Pages of jobs that stay quick over millions: by id, with a bound on what a filter may look at. */
import type { Clock } from "../core/clock.ts";
import type { Job } from "../core/job.ts";
import type { JobFilter, JobStore } from "../store/store.ts";

/** A page; `nextCursor` null: it was the last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** Rows per home that one look with a filter reads. */
const LOOK_ROWS = 5_000;
/** A page goes on looking for this long while it has found nothing. */
const LOOK_MS = 100;

/**
 * One page, newest first. With a filter that matches little it may hold fewer jobs than `limit`, even
 * none, and still name a cursor: there is more to look through.
 */
export async function pageOf(
  host: { readonly store: JobStore; readonly clock: Clock },
  filter: JobFilter,
  cursor: string | null,
  limit: number,
): Promise<Page<Job>> {
  const startedAt = host.clock.monotonic();
  let before = cursor;
  while (true) {
    const from = isSelective(filter) ? await host.store.listEdge(filter, before, LOOK_ROWS) : null;
    const items = await host.store.list({ ...filter, from }, before, limit);
    if (items.length === limit) return { items, nextCursor: items.at(-1)?.id ?? null };
    if (from === null) return { items, nextCursor: null };
    // `from` itself has been looked at: the next look begins below it.
    if (items.length > 0 || host.clock.monotonic() - startedAt > LOOK_MS) {
      return { items, nextCursor: from };
    }
    before = from;
  }
}

/** The job that has an idempotency key, if the filter takes it: a page of one or none. */
export async function pageOfKey(
  store: JobStore,
  filter: JobFilter,
  key: string,
): Promise<Page<Job>> {
  const id = await store.keyHolder(filter.tenantId, key);
  const job = id === null ? null : await store.get(filter.tenantId, id);
  return { items: job && isTaken(job, filter) ? [job] : [], nextCursor: null };
}

/** A page by its place, counted from the newest job. */
export async function pageAt(
  store: JobStore,
  tenantId: string,
  offset: number,
  limit: number,
): Promise<{ items: Job[]; total: number }> {
  const [before, counts] = await Promise.all([
    offset === 0 ? null : store.nthNewest(tenantId, offset),
    store.counts(tenantId),
  ]);
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  if (offset > 0 && before === null) return { items: [], total };
  const filter = { tenantId, states: null, type: null, queue: null };
  return { items: await store.list(filter, before, limit), total };
}

function isTaken(job: Job, { states, type, queue, tag = null }: JobFilter): boolean {
  return (states?.includes(job.state) ?? true) && (type ?? job.type) === job.type &&
    (queue ?? job.queue) === job.queue && (tag === null || job.tags.includes(tag));
}

function isSelective({ states, type, queue, tag = null, text = null }: JobFilter): boolean {
  return states !== null || type !== null || queue !== null || tag !== null || text !== null;
}
