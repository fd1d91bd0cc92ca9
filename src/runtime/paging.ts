/** Pages of jobs that stay quick over millions: by id, with a bound on what a filter may look at. */
import type { Clock } from "../core/clock.ts";
import { idAfter } from "../core/id.ts";
import type { Job } from "../core/job.ts";
import type { ActorFilter, ActorLine, ActorStore, JobFilter, JobStore } from "../store/store.ts";

/** A page; `nextCursor` null: it was the last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** Rows per home that the first look with a filter reads: some milliseconds, whatever is asked. */
const LOOK_ROWS = 500;
/** A page that is not full yet is looked for on and on, as long as the next look ends within this. */
const LOOK_MS = 16;

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
  const search = new Search(host.clock);
  const floor = filter.from ?? null;
  const items: Job[] = [];
  for (let before = cursor;;) {
    const edge = isSelective(filter)
      ? await host.store.listEdge(filter, before, search.rows)
      : null;
    const isLast = edge === null || (floor !== null && edge < floor);
    const from = isLast ? floor : edge;
    items.push(...await host.store.list({ ...filter, from }, before, limit - items.length));
    if (items.length === limit) return { items, nextCursor: items.at(-1)?.id ?? null };
    if (isLast || from === null) return { items, nextCursor: null };
    // `from` itself has been looked at: the next look begins below it.
    if (search.isOver()) return { items, nextCursor: from };
    before = from;
  }
}

/** The same for actors, in the order of their ids. */
export async function pageOfActors(
  host: { readonly store: { readonly actors: ActorStore }; readonly clock: Clock },
  filter: ActorFilter,
  cursor: string,
  limit: number,
): Promise<{ lines: readonly ActorLine[]; next: string | null }> {
  const { store: { actors }, clock } = host;
  const search = new Search(clock);
  const lines: ActorLine[] = [];
  for (let after = cursor;;) {
    const isBounded = isLookedFor(filter);
    const edge = isBounded ? await actors.listEdge(filter.tenantId, after, search.rows) : null;
    lines.push(...await actors.list({ ...filter, upTo: edge }, after, limit - lines.length));
    if (lines.length === limit) return { lines, next: lines.at(-1)?.id ?? null };
    if (edge === null) return { lines, next: null };
    if (search.isOver()) return { lines, next: edge };
    after = edge;
  }
}

/** How long one page is looked for, and how much at once: a row costs a microsecond or twenty. */
class Search {
  readonly #clock: Clock;
  readonly #startedAt: number;
  #lastAt: number;
  /** Of the next look. */
  rows = LOOK_ROWS;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = this.#lastAt = clock.monotonic();
  }

  /** A look has not filled the page: whether to answer with what there is. */
  isOver(): boolean {
    const now = this.#clock.monotonic();
    const took = now - this.#lastAt;
    this.#lastAt = now;
    // While looks are quick, the next is at twice as many rows, and takes twice as long.
    const times = took < LOOK_MS / 4 ? 2 : 1;
    this.rows *= times;
    return now - this.#startedAt + times * took > LOOK_MS;
  }
}

/** The job that has an idempotency key, if the filter takes it: a page of one or none. */
export async function pageOfKey(
  store: JobStore,
  filter: JobFilter,
  key: string,
): Promise<Page<Job>> {
  const id = await store.keyHolder(filter.tenantId, key);
  const items = id === null ? [] : await store.list({ ...filter, from: id }, idAfter(id), 1);
  return { items, nextCursor: null };
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

/** The same of actors: all three of these have an index, and an id and a status of the few have one. */
function isLookedFor({ machine, status, state, id = null, terms = [] }: ActorFilter): boolean {
  if (id !== null) return false;
  if (terms.length > 0) return true;
  const given = [machine, status, state].filter((each) => each !== null).length;
  const isResting = given === 1 && status !== null && status !== "active";
  return !isResting && (given === 1 || given === 2);
}

/** Whether rows may be passed over: not where the home, or an index, holds just what is wanted. */
function isSelective({ states, type, queue, terms = [], fingerprint = null }: JobFilter): boolean {
  if (type !== null || queue !== null || terms.length > 0) return true;
  const isDead = states?.length === 1 && states[0] === "dead_letter";
  return !isDead && (states !== null || fingerprint !== null);
}
