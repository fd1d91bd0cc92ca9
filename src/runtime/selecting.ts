/** Which jobs an operation asks for, checked. */
import { InvalidInputError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { type JobQuery, readJobQuery, type Veil } from "../core/job_search.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import {
  type JobSelection,
  type OperationFilter,
  type OperationRequest,
  statesFor,
  usualStates,
} from "../core/operation.ts";
import { QueryError } from "../core/search.ts";
import { holdsText, isOfAll, isText, type Term } from "../core/term.ts";
import type { JobState } from "../../machines/job.ts";

/** The selection of a request. @param now For ages in a query. @throws {InvalidInputError} */
export function selectionOf(request: OperationRequest, now: number, veil: Veil): JobSelection {
  const { action, filter, runAt } = request;
  const { type = null, queue = null, from = null, to = null, ids = null } = filter;
  const query = queryOf(filter.q ?? "", now, veil);
  if (action === "reschedule" && runAt === undefined) {
    throw invalid("runAt", "A reschedule needs the new time, RFC 3339");
  }
  if (action !== "reschedule" && runAt !== undefined) {
    throw invalid("runAt", `Only a reschedule takes a time, not ${action}`);
  }
  if ((action === "cancel" || action === "delete") && asksNothing(filter, query)) {
    throw invalid("filter", `Give at least one condition: this would ${action} everything`);
  }
  if (from !== null && to !== null && from > to) throw invalid("filter.to", "Is before from");
  return {
    tenantId: tenantOf(request, query),
    ids: idsOf(ids, query.id),
    states: statesOf(request, query),
    type: type ?? query.type,
    queue: queue ?? query.queue,
    ...{ from, to },
    fingerprint: filter.fingerprint ?? query.fingerprint,
    terms: [...termsOf(filter, query), ...query.terms],
  };
}

/** Nothing is left out by a blank query, nor by words that every job has. */
function asksNothing(filter: OperationFilter, query: JobQuery): boolean {
  const { q: _q, error: _error, ...others } = filter;
  const { terms, areStatesNamed: _named, ...asked } = query;
  return Object.keys(others).length === 0 &&
    Object.values(asked).every((value) => value === null) &&
    [...termsOf(filter, query), ...terms].every(isOfAll);
}

function idsOf(ids: readonly string[] | null, id: string | null): readonly string[] | null {
  if (id === null) return ids;
  if (!isUuid(id)) throw invalid("filter.q", `"${id.slice(0, 64)}" is not a UUID`);
  return ids === null || ids.includes(id) ? [id] : [];
}

function queryOf(q: string, now: number, veil: Veil): JobQuery {
  try {
    return readJobQuery(q, now, veil);
  } catch (error) {
    if (error instanceof QueryError) throw invalid("filter.q", error.message);
    throw error;
  }
}

/** An id names a job of any tenant; everything else is asked of one. */
function tenantOf(
  { filter, tenantId }: OperationRequest,
  { tenant, id }: JobQuery,
): string | null {
  if (filter.tenant !== undefined && tenantId !== undefined && filter.tenant !== tenantId) {
    throw invalid("filter.tenant", "Differs from tenantId");
  }
  const named = filter.tenant ?? tenantId;
  if (tenant !== null && named !== undefined && tenant !== named) {
    throw invalid("filter.q", `Names the tenant "${tenant}"; this is about "${named}"`);
  }
  const isByIds = filter.ids !== undefined || id !== null;
  return named ?? tenant ?? (isByIds ? null : DEFAULT_TENANT);
}

function statesOf({ action, filter }: OperationRequest, query: JobQuery): readonly JobState[] {
  const { state } = filter;
  const possible = statesFor(action);
  const named = typeof state === "string" ? [state] : state ?? null;
  const wrong = named?.find((each) => !possible.includes(each));
  if (wrong !== undefined) {
    throw invalid("filter.state", `${action} is for ${possible.join(", ")}; not for ${wrong}`);
  }
  // A query that only excludes some names none: what was cancelled has to be asked for.
  const meant = named ?? (query.areStatesNamed ? possible : usualStates(action));
  const states = meant.filter((each) => query.states?.includes(each) ?? true);
  if (states.length > 0) return states;
  throw invalid("filter.q", `${action} is for ${meant.join(", ")} alone`);
}

function termsOf(
  { tag, fingerprint, error, type, queue }: OperationFilter,
  query: JobQuery,
): Term[] {
  return [
    ...(type === undefined || query.type === null ? [] : [isText("type", query.type)]),
    ...(queue === undefined || query.queue === null ? [] : [isText("queue", query.queue)]),
    ...(tag === undefined ? [] : [isText("tag", tag)]),
    ...(fingerprint === undefined || query.fingerprint === null
      ? []
      : [isText("fingerprint", query.fingerprint)]),
    ...(error === undefined ? [] : [holdsText("error", error)]),
  ];
}

function invalid(path: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path, message }]);
}
