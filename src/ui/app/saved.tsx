/** Saved views: queries with a name, kept in this browser. */
import { signal } from "@preact/signals";
import { queryOf } from "./api.ts";
import type { Listed } from "./query.ts";

interface View {
  readonly listed: Listed;
  readonly text: string;
}

const given: readonly View[] = [
  { listed: "jobs", text: "state:dead_letter" },
  { listed: "jobs", text: "state:retry" },
  { listed: "jobs", text: "state:running" },
  { listed: "actors", text: "status:active" },
  { listed: "actors", text: "status:stalled" },
];

const saved = signal<readonly View[]>(read());

function read(): View[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem("perdura-views") ?? "[]");
    return Array.isArray(found) ? found.filter((each) => typeof each?.text === "string") : [];
  } catch {
    return [];
  }
}

function keep(views: readonly View[]): void {
  saved.value = views;
  localStorage.setItem("perdura-views", JSON.stringify(views));
}

/** Chips of queries; the one in the bar can be kept. */
export function SavedViews({ listed, text }: View) {
  const own = saved.value.filter((each) => each.listed === listed);
  const all = [...given.filter((each) => each.listed === listed), ...own];
  const isKnown = all.some((each) => each.text === text);
  return (
    <div class="chips" role="group" aria-label="Saved views">
      {all.map((view) => (
        <a
          key={view.text}
          class="chip mono"
          href={`/ui/${listed}${queryOf({ q: view.text })}`}
          aria-current={view.text === text ? "true" : undefined}
        >
          <bdi>{view.text}</bdi>
        </a>
      ))}
      {text && !isKnown && (
        <button
          type="button"
          class="plain"
          onClick={() => keep([...saved.value, { listed, text }])}
        >
          Keep this view
        </button>
      )}
      {own.some((each) => each.text === text) && (
        <button
          type="button"
          class="plain"
          onClick={() =>
            keep(saved.value.filter((each) => each.text !== text || each.listed !== listed))}
        >
          Forget this view
        </button>
      )}
    </div>
  );
}
