/** All jobs: how many in each state, and the newest of them. */
import { call, follow } from "./api.js";
import { clock, fill, h, pill } from "./dom.js";

const STATES = [
  ...["pending", "scheduled", "running", "retry", "succeeded", "dead_letter", "cancelled"],
];
const PAGE = 50;

/** Shows the page until `signal` aborts. */
export async function overviewPage(main, signal) {
  document.title = "Jobs · Perdura";
  const cards = h("section", { class: "cards", "aria-label": "Jobs by state" });
  const rows = h("tbody");
  const more = h("button", { type: "button", class: "more", hidden: true }, "Older jobs");
  const filters = filterForm();
  fill(
    main,
    h("h1", {}, "Jobs"),
    cards,
    filters,
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ...["State", "Type", "Queue", "Attempt", "Created", "Job"]
              .map((name) => h("th", { scope: "col" }, name)),
          ),
        ),
        rows,
      ),
    ),
    more,
  );
  let cursor = null;
  const load = async (isMore) => {
    const query = new URLSearchParams(location.search);
    query.set("limit", String(PAGE));
    if (isMore && cursor) query.set("cursor", cursor);
    const page = await call(`/jobs?${query}`);
    cursor = page.nextCursor;
    more.hidden = cursor === null;
    const shown = page.items.map(jobRow);
    if (isMore) rows.append(...shown);
    else if (shown.length > 0) fill(rows, shown);
    else {
      // One request looks at a bounded number of jobs: there may be some further back.
      const text = cursor === null ? "No such jobs." : "None among the newest jobs.";
      fill(rows, h("tr", {}, h("td", { colspan: 6, class: "soft" }, text)));
    }
  };
  more.addEventListener("click", () => void load(true));
  await load(false);
  if (signal.aborted) return;
  // Counts may change all the time: the list follows four times a second, not when they rest.
  let timer = null;
  const refresh = () => {
    timer ??= setTimeout(() => {
      timer = null;
      if (!signal.aborted) void load(false).catch(() => {});
    }, 250);
  };
  const showCounts = (counts) => {
    showCards(cards, counts);
    if (cursor === null || rows.childElementCount <= PAGE) refresh();
  };
  void follow(() => "", { counts: showCounts }, signal);
}

function filterForm() {
  const query = new URLSearchParams(location.search);
  const field = (name, label) =>
    h("label", {}, h("span", {}, label), h("input", { name, value: query.get(name) ?? "" }));
  const form = h(
    "form",
    { class: "filters", role: "search" },
    field("type", "Type"),
    field("queue", "Queue"),
    field("tag", "Tag"),
    field("tenantId", "Tenant"),
    h("button", { type: "submit" }, "Filter"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const next = new URLSearchParams();
    const state = query.get("state");
    if (state) next.set("state", state);
    for (const [name, value] of new FormData(form)) if (value) next.set(name, value);
    location.search = next.toString();
  });
  return form;
}

function showCards(place, counts) {
  const total = (state) =>
    counts.filter((one) => one.state === state).reduce((sum, one) => sum + one.count, 0);
  const query = new URLSearchParams(location.search);
  const now = query.get("state");
  fill(
    place,
    STATES.map((state) => {
      const to = new URLSearchParams(query);
      if (now === state) to.delete("state");
      else to.set("state", state);
      return h(
        "a",
        {
          class: `card ${state}`,
          href: `/ui/?${to}`,
          "aria-current": now === state ? "true" : null,
          "data-count": state,
        },
        h("strong", {}, total(state).toLocaleString("en")),
        h("span", {}, state.replace("_", " ")),
      );
    }),
  );
}

function jobRow(job) {
  return h(
    "tr",
    { "data-job": job.id },
    h("td", {}, pill(job.state)),
    h("td", { class: "mono" }, h("a", { href: `/ui/jobs/${job.id}` }, job.type)),
    h("td", {}, job.queue),
    h("td", { class: "number" }, `${job.attempt}/${job.maxAttempts}`),
    h("td", { class: "mono" }, clock(job.createdAt)),
    h("td", { class: "mono" }, h("a", { href: `/ui/jobs/${job.id}` }, job.id)),
  );
}
