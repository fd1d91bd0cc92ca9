/** Queries as filters of the store. */
import { idAfter, isUuid, leastIdAt } from "../core/id.ts";
import type { JobQuery, Veil } from "../core/job_search.ts";
import { isText } from "../core/term.ts";
import type { JobFilter } from "../store/store.ts";
import type { Handlers } from "./handlers.ts";

/**
 * An id tells when it was made, by the clock of whoever made it, and the row when it was stored. A bound
 * of ids that is a day wider than the time asked for leaves room for both.
 */
const SLACK_MS = 24 * 3_600_000;

/** Ids between which the jobs of a query may be; null: no bound. */
export interface IdBounds {
  readonly from: string | null;
  readonly before: string | null;
}

/** What the schemas of these handlers hide from searches. */
export function veilOf(handlers: Handlers): Veil {
  const all = [...handlers.values()];
  return {
    hides: (field, path) => {
      const redactor = field === "payload" ? "payloadRedactor" : "outputRedactor";
      return all.find((handler) => handler[redactor]?.marks(path))?.type ?? null;
    },
    types: all.filter(({ payloadRedactor }) => payloadRedactor).map(({ type }) => type),
  };
}

/** A filter with what a query asks beside it. */
export function narrowed(filter: JobFilter, query: JobQuery): JobFilter {
  const { states, type, queue, terms, id } = query;
  const both = filter.states !== null && states !== null
    ? filter.states.filter((state) => states.includes(state))
    : states ?? filter.states;
  const more = [
    ...(filter.type !== null && type !== null ? [isText("type", type)] : []),
    ...(filter.queue !== null && queue !== null ? [isText("queue", queue)] : []),
    ...(id === null ? [] : [isText("id", id.toLowerCase())]),
  ];
  return {
    ...filter,
    states: both,
    type: filter.type ?? type,
    queue: filter.queue ?? queue,
    fingerprint: filter.fingerprint ?? query.fingerprint,
    terms: [...filter.terms ?? [], ...terms, ...more],
    from: boundsOf(query).from,
    createdFrom: query.createdFrom,
    // Terms compare whole milliseconds.
    createdBefore: query.createdTo === null ? null : query.createdTo + 1,
  };
}

/** The bounds of a query. */
export function boundsOf({ createdFrom, createdTo, id }: JobQuery): IdBounds {
  if (id !== null && isUuid(id)) {
    return { from: id.toLowerCase(), before: idAfter(id.toLowerCase()) };
  }
  return {
    from: createdFrom === null ? null : leastIdAt(createdFrom - SLACK_MS),
    before: createdTo === null ? null : leastIdAt(createdTo + SLACK_MS),
  };
}
