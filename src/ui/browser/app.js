/** The address decides what is shown. */
import { fill, h, showLive } from "./dom.js";
import { showChart } from "./chart.js";
import { jobPage } from "./job.js";
import { overviewPage } from "./overview.js";

let leave = new AbortController();

/** Shows the page of the address. */
async function show() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const main = document.getElementById("main");
  const [, , page = "", id = ""] = location.pathname.split("/");
  try {
    if (page === "jobs" && id) await jobPage(main, id, signal);
    else if (page === "machines") await machinePage(main, id || "job", signal);
    else if (page === "" || page === "jobs") await overviewPage(main, signal);
    else throw new Error(`No page "${page}"`);
  } catch (error) {
    if (signal.aborted) return;
    showLive("static", true);
    const back = h("p", {}, h("a", { href: "/ui/" }, "All jobs"));
    const parts = [h("h1", {}, "Nothing here"), h("p", {}, error.message), back];
    fill(main, h("section", { class: "empty" }, ...parts));
  }
}

async function machinePage(main, id, signal) {
  document.title = `Machine ${id} · Perdura`;
  const place = h("div", { class: "canvas" });
  fill(
    main,
    h("h1", {}, `Machine ${id}`),
    h(
      "p",
      { class: "soft" },
      h("a", { href: `/machines/${id}/chart.svg` }, "SVG"),
      " · ",
      h("a", {
        href: `/machines/${id}`,
      }, "JSON"),
    ),
    place,
  );
  await showChart(place, id);
  if (!signal.aborted) showLive("static", true);
}

/** Links within the pages do not load them again. */
addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !url.pathname.startsWith("/ui/") || url.hash) return;
  event.preventDefault();
  history.pushState(null, "", url);
  void show();
});
addEventListener("popstate", () => void show());

const themes = ["", "light", "dark"];
const chosen = localStorage.getItem("perdura-theme") ?? "";
document.documentElement.dataset.theme = chosen;
document.getElementById("theme").addEventListener("click", () => {
  const { theme } = document.documentElement.dataset;
  const next = themes[(themes.indexOf(theme) + 1) % themes.length];
  document.documentElement.dataset.theme = next;
  localStorage.setItem("perdura-theme", next);
});

void show();
