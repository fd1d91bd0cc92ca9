/** The pages of jobs and of actors: a query bar that the address mirrors above the list. */
import { useSignal } from "@preact/signals";
import { call, type Page } from "./api.ts";
import { InstanceList, useInstances } from "./instances.tsx";
import { useKeys, useLoad, useTitle } from "./parts.tsx";
import { setQuery, word } from "./place.ts";
import { completions, type Field, type Listed, queryErrorOf } from "./query.ts";
import type { MachineLine } from "./resources.ts";
import { SavedViews } from "./saved.tsx";

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
