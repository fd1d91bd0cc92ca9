/** Lists of jobs and of actors: a query bar that the address mirrors, and pages by key. */
import { useSignal } from "@preact/signals";
import { at, call, type Page, queryOf, ui } from "./api.ts";
import { Failure } from "./lists.tsx";
import { Ago, Empty, type Loaded, Pill, useKeys, useLoad, useTitle } from "./parts.tsx";
import { go, pathname, setQuery, word } from "./place.ts";
import { completions, type Field, type Listed, queryErrorOf } from "./query.ts";
import { PAGE, searchOn } from "./search_on.ts";
import type { ActorLine, JobResource, MachineLine } from "./resources.ts";
import { SavedViews } from "./saved.tsx";
import { shortId } from "./words.ts";

type Found = Page<JobResource & ActorLine>;

/** `/ui/jobs`, `/ui/actors`. */
export function InstancesPage({ listed }: { readonly listed: Listed }) {
  useTitle(listed === "jobs" ? "Jobs" : "Actors");
  const text = word("q") ?? "";
  const found = useInstances(listed, { q: text });
  return (
    <div class="page">
      <header class="head">
        <h1>
          <span class="switch" role="group" aria-label="Kind">
            <a href="/ui/jobs" aria-current={listed === "jobs" ? "page" : undefined}>Jobs</a>
            <a href="/ui/actors" aria-current={listed === "actors" ? "page" : undefined}>Actors</a>
          </span>
        </h1>
      </header>
      <QueryBar listed={listed} text={text} error={found.error} />
      <SavedViews listed={listed} text={text} />
      <InstanceList listed={listed} found={found} />
    </div>
  );
}

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

interface BarProps {
  readonly listed: Listed;
  readonly text: string;
  readonly error: Error | null;
}

function QueryBar({ listed, text, error }: BarProps) {
  const typed = useSignal<string | null>(null);
  const value = typed.value ?? text;
  const wrong = typed.value === null ? queryErrorOf(error) : null;
  const fields = useLoad(
    (signal) => call<Readonly<Record<Listed, readonly Field[]>>>("/search/fields", { signal }),
    [],
  ).data?.[listed] ?? [];
  const machines = useLoad((signal) => call<Page<MachineLine>>("/machines", { signal }), []).data;
  const names = { machine: machines?.items.map(({ id }) => id) ?? [] };
  const [last] = /[a-z]+(?=[:<>=][^\s]*$)/.exec(value) ?? [];
  const hint = fields.find(({ name }) => name === last)?.hint;
  useKeys({ "/": () => document.getElementById("query")?.focus() });
  return (
    <form
      class="querybar"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        setQuery({ q: value.trim(), after: null }, "push");
        typed.value = null;
      }}
    >
      <input
        id="query"
        type="search"
        aria-label="Query"
        aria-invalid={wrong !== null}
        aria-describedby={wrong ? "query-error" : undefined}
        list="query-words"
        autocomplete="off"
        spellcheck={false}
        maxLength={500}
        placeholder={listed === "jobs"
          ? "state:dead_letter queue:mail created>2h words"
          : "machine:order status:active state:open"}
        value={value}
        onInput={(event) => typed.value = event.currentTarget.value}
      />
      <datalist id="query-words">
        {completions(value, fields, names).slice(0, 16).map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <button type="submit" class="strong">Search</button>
      {wrong
        ? (
          <p id="query-error" class="failure" role="alert">
            {text.slice(0, wrong.start)}
            <mark>{text.slice(wrong.start, wrong.end)}</mark>
            {text.slice(wrong.end)}: {wrong.message}
          </p>
        )
        : hint && <p class="soft">{last}: {hint}</p>}
    </form>
  );
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
        <NoneFound isSearchedOn={data.nextCursor !== null} cursor={cursor} />
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
function NoneFound(
  { isSearchedOn, cursor }: { readonly isSearchedOn: boolean; readonly cursor: string | null },
) {
  const q = word("q");
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
          <tr
            key={job.id}
            data-job={job.id}
            onClick={(event) => rowClick(event, ui("jobs", job.id))}
          >
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
          <tr
            key={actor.id}
            data-actor={actor.id}
            onClick={(event) => rowClick(event, ui("actors", actor.id))}
          >
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

/** The whole row leads on; its link is what keyboards use. */
function rowClick(event: MouseEvent, href: string): void {
  const isOwn = event.target instanceof Element && event.target.closest("a, button, input");
  if (!isOwn && !getSelection()?.toString()) go(href);
}
