/** Lists of jobs and of actors, and pages of them by key. */
import type { TargetedMouseEvent } from "preact";
import { at, call, type Page, queryOf, ui } from "./api.ts";
import { Failure } from "./lists.tsx";
import { Ago, Empty, type Loaded, Pill, useLoad } from "./parts.tsx";
import { pathname, setQuery, word } from "./place.ts";
import { type Listed, queryErrorOf } from "./query.ts";
import { PAGE, searchOn } from "./search_on.ts";
import type { ActorLine, JobResource } from "./resources.ts";
import { shortId } from "./words.ts";

type Found = Page<JobResource & ActorLine>;

/** A page of the list: words of the query as the API takes them. */
export function useInstances(
  listed: Listed,
  words: Readonly<Record<string, string | null>>,
): Loaded<Found> {
  const cursor = word("after");
  const ask = (after: string | null, limit: number, signal: AbortSignal) =>
    call<Found>(at(listed) + queryOf({ ...words, cursor: after, limit }), { signal });
  const load = (signal: AbortSignal, show: (part: Found) => void) =>
    searchOn((after, limit) => ask(after, limit, signal), cursor, show);
  return useLoad(load, [listed, cursor, queryOf(words)], 5_000);
}

/** The list that was found. */
export function InstanceList({ listed, found }: {
  readonly listed: Listed;
  readonly found: Loaded<Found>;
}) {
  const cursor = word("after");
  const { data, error, isLoading, reload } = found;
  const failure = queryErrorOf(error) ? null : <Failure error={error} retry={reload} />;
  if (!data) return failure ?? (error ? null : <div class="loading" aria-busy="true" />);
  const isEmpty = data.items.length === 0;
  const isSearching = isLoading && data.nextCursor !== null && data.items.length < PAGE;
  return (
    <>
      {failure}
      {isEmpty && !isSearching && (
        <NoneFound listed={listed} isSearchedOn={data.nextCursor !== null} cursor={cursor} />
      )}
      {!isEmpty && (
        <div class="scroll" tabIndex={0} role="group" aria-label="List">
          {listed === "jobs" ? <JobTable items={data.items} /> : <ActorTable items={data.items} />}
        </div>
      )}
      <nav class="paging" aria-label="Pages of the list">
        {cursor && <button type="button" onClick={() => history.back()}>‹ newer</button>}
        {isSearching && <p class="soft" role="status">Searching on…</p>}
        {data.nextCursor && !isSearching && (
          <button
            type="button"
            onClick={() => setQuery({ after: data.nextCursor }, "push")}
          >
            older ›
          </button>
        )}
      </nav>
    </>
  );
}

/** One request looks at a bounded number: an empty page need not be the last. */
function NoneFound({ listed, isSearchedOn, cursor }: {
  readonly listed: Listed;
  readonly isSearchedOn: boolean;
  readonly cursor: string | null;
}) {
  const q = word("q");
  const state = word("state");
  // Nothing was asked that could be asked less: there is nothing.
  if (!q && !cursor && !isSearchedOn) {
    return (
      <Empty title={state ? `No ${listed} in this state` : `No ${listed} yet`}>
        {!state && (
          <p class="soft">
            {listed === "jobs" ? "Store" : "Start"} one: <code>POST /{listed}</code>.{" "}
            <a href="/docs">How</a>
          </p>
        )}
      </Empty>
    );
  }
  return (
    <Empty title={isSearchedOn ? "Nothing among these; there are older ones" : "Nothing matches"}>
      <p class="soft">
        Take a word out of the query{cursor && (
          <>
            , or go to <a href={pathname.value + queryOf({ q })}>the first page</a>
          </>
        )}.
      </p>
    </Empty>
  );
}

function JobTable({ items }: { readonly items: readonly JobResource[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th>Job</th>
          <th>State</th>
          <th>Type</th>
          <th class="apart">Queue</th>
          <th class="apart">Attempt</th>
          <th>Made</th>
          <th>Error</th>
        </tr>
      </thead>
      <tbody>
        {items.map((job) => (
          <tr key={job.id} data-job={job.id} onClick={rowClick}>
            <td>
              <a class="mono" href={ui("jobs", job.id)} title={job.id}>{shortId(job.id)}</a>
            </td>
            <td>
              <Pill state={job.state} />
            </td>
            <td class="clip">
              <bdi>{job.type}</bdi>
            </td>
            <td class="clip apart">
              <bdi>{job.queue}</bdi>
            </td>
            <td class="number apart">{job.attempt}/{job.maxAttempts}</td>
            <td class="soft">
              <Ago at={job.createdAt} />
            </td>
            <td class="clip error badtext">
              <bdi>{job.lastError?.message}</bdi>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function ActorTable({ items }: { readonly items: readonly ActorLine[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th>Actor</th>
          <th>Status</th>
          <th>State</th>
          <th class="apart">Machine</th>
          <th>Steps</th>
          <th>Changed</th>
        </tr>
      </thead>
      <tbody>
        {items.map((actor) => (
          <tr key={actor.id} data-actor={actor.id} onClick={rowClick}>
            <td>
              <a
                class="mono clip"
                href={ui("actors", actor.id) +
                  queryOf({ tenantId: actor.tenantId === "default" ? null : actor.tenantId })}
              >
                <bdi>{shortId(actor.id)}</bdi>
              </a>
            </td>
            <td>
              <Pill state={actor.status} />
            </td>
            <td class="clip">
              <bdi>{actor.state.replaceAll(",", ", ")}</bdi>
            </td>
            <td class="apart">
              <a href={ui("machines", actor.machine)}>
                <bdi>{actor.machine}</bdi>
              </a>{" "}
              <span class="tag">v{actor.machineVersion}</span>
            </td>
            <td class="number">{actor.version}</td>
            <td class="soft">
              <Ago at={actor.updatedAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The whole row leads where its link leads, which is what keyboards use. */
function rowClick({ target, currentTarget }: TargetedMouseEvent<HTMLElement>): void {
  const isOwn = target instanceof Element && target.closest("a, button, input");
  if (!isOwn && !getSelection()?.toString()) currentTarget.querySelector("a")?.click();
}
