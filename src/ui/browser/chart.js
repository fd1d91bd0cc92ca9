/** The chart on a page: the server's finished picture, and classes that light it. */
import { call } from "./api.js";

/** Puts the chart of a machine into `place`. */
export async function showChart(place, machine) {
  const text = await call(`/machines/${encodeURIComponent(machine)}/chart.svg`);
  // The page brings the style itself: inline ones are not allowed here.
  const bare = text.replace(/<style>[^]*?<\/style>/, "");
  const picture = new DOMParser().parseFromString(bare, "image/svg+xml").documentElement;
  const width = Number(picture.getAttribute("width"));
  picture.removeAttribute("width");
  picture.removeAttribute("height");
  place.replaceChildren(document.importNode(picture, true));
  // On a narrow page it is moved rather than made too small to read.
  place.firstElementChild.style.minWidth = `${Math.round(width * 0.6)}px`;
  return new LitChart(place.firstElementChild);
}

/** Moves the chart within its place so that an element can be seen. */
function reveal(place, element) {
  const [outer, inner] = [place.getBoundingClientRect(), element.getBoundingClientRect()];
  if (inner.left >= outer.left && inner.right <= outer.right) return;
  place.scrollLeft += inner.left + inner.width / 2 - (outer.left + outer.width / 2);
}

/** Sets the classes. */
class LitChart {
  #svg;
  #states;
  #edges;

  constructor(svg) {
    this.#svg = svg;
    this.#states = [...svg.querySelectorAll("[data-state]")];
    this.#edges = [...svg.querySelectorAll(".edge")];
  }

  /** Lights one step: where the job is, what it has seen, the way it took last. */
  light(steps, index) {
    const past = steps.slice(0, index + 1);
    const now = past.at(-1);
    const seen = new Set(past.map(({ to }) => to));
    this.#svg.classList.add("dim");
    for (const state of this.#states) {
      const id = state.dataset.state;
      const isOn = id === now?.to;
      state.classList.toggle("seen", seen.has(id) && !isOn);
      state.classList.toggle("on", isOn);
      state.classList.toggle("bad", isOn && (id === "dead_letter" || id === "retry"));
      state.classList.toggle("good", isOn && id === "succeeded");
      if (isOn) {
        state.setAttribute("aria-current", "step");
        reveal(this.#svg.parentElement, state);
      } else state.removeAttribute("aria-current");
    }
    const ways = new Set(past.map(({ from, to }) => `${from} ${to}`));
    for (const edge of this.#edges) {
      const way = `${edge.dataset.from} ${edge.dataset.to}`;
      const isTaken = way === `${now?.from} ${now?.to}`;
      edge.classList.toggle("was", ways.has(way) && !isTaken);
      edge.classList.toggle("taken", isTaken);
      for (const line of edge.querySelectorAll("[data-transition]")) {
        line.classList.toggle("taken", isTaken && line.dataset.event === now.event);
      }
    }
  }
}
