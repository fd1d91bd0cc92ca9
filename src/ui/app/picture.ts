/** The server's finished picture on the page, and the classes that light it. */
import type { Lit } from "./lit.ts";
import { short } from "./words.ts";

const SVG = "http://www.w3.org/2000/svg";

/** One picture. */
export class Picture {
  readonly svg: SVGSVGElement;
  readonly width: number;
  readonly height: number;
  readonly #states: ReadonlyMap<string, SVGGElement>;
  readonly #lines: readonly SVGGElement[];
  readonly #transitions: readonly SVGGElement[];

  constructor(text: string) {
    // The page brings the style itself: inline ones are not allowed here.
    const bare = text.replace(/<style>[^]*?<\/style>/, "");
    const parsed = new DOMParser().parseFromString(bare, "image/svg+xml").documentElement;
    const svg = document.importNode(parsed, true);
    if (!(svg instanceof SVGSVGElement)) throw new Error("The server sent no picture");
    this.svg = svg;
    this.width = svg.viewBox.baseVal.width;
    this.height = svg.viewBox.baseVal.height;
    const all = <E extends Element>(
      selector: string,
    ) => [...svg.querySelectorAll<E & SVGGElement>(selector)];
    this.#states = new Map(all("[data-state]").map((each) => [each.dataset.state ?? "", each]));
    this.#lines = all(".edge");
    this.#transitions = all("[data-transition]");
  }

  /** Sets classes: only where something changes does anything happen. */
  light(lit: Lit): void {
    this.svg.classList.toggle("dim", lit.active.size > 0);
    for (const tone of ["on", "bad", "ok", "hold"]) {
      this.svg.classList.toggle(`tone-${tone}`, tone === lit.tone);
    }
    for (const [id, state] of this.#states) {
      const isOn = lit.active.has(id);
      state.classList.toggle("on", isOn);
      state.classList.toggle("seen", !isOn && lit.seen.has(id));
      if (isOn) state.setAttribute("aria-current", "step");
      else state.removeAttribute("aria-current");
    }
    for (const each of this.#transitions) {
      const id = each.dataset.transition ?? "";
      each.classList.toggle("taken", lit.taken.has(id));
      each.classList.toggle("was", lit.was.has(id));
      each.classList.toggle("open", lit.open.has(id));
    }
    for (const line of this.#lines) {
      for (const name of ["taken", "was", "open"]) {
        line.classList.toggle(name, line.querySelector(`.transition.${name}`) !== null);
      }
    }
  }

  /** Counts on states: five steps of one blue on a logarithmic scale, the number always printed. */
  heat(counts: ReadonlyMap<string, number> | null): void {
    const most = Math.max(1, ...counts?.values() ?? []);
    for (const [id, state] of this.#states) {
      const count = counts?.get(id) ?? 0;
      // What has ended only grows: a number says enough. What has failed stands out at any count.
      const isEnd = /\b(final|tag-terminal)\b/.test(state.getAttribute("class") ?? "");
      const isBad = /dead|fail|error|stalled/i.test(id);
      state.classList.toggle("bad", count > 0 && isBad);
      const step = count === 0 || isEnd || isBad
        ? 0
        : Math.max(1, Math.ceil(5 * Math.log(count + 1) / Math.log(most + 1)));
      for (let each = 1; each <= 5; each++) state.classList.toggle(`heat-${each}`, each === step);
      this.#badge(state, count);
    }
  }

  element(id: string): SVGGElement | undefined {
    return this.#states.get(id);
  }

  /** In the order of the document. */
  get ids(): string[] {
    return [...this.#states.keys()];
  }

  #badge(state: SVGGElement, count: number): void {
    const old = state.querySelector(":scope > .badge");
    if (count === 0) return old?.remove();
    const text = short(count);
    if (old?.textContent === text) return;
    old?.remove();
    const box = state.querySelector<SVGRectElement>(":scope > .box");
    if (!box) return;
    const [x, y] = [box.x.baseVal.value + box.width.baseVal.value, box.y.baseVal.value];
    const width = text.length * 6.6 + 14;
    const badge = document.createElementNS(SVG, "g");
    badge.setAttribute("class", "badge");
    const plate = document.createElementNS(SVG, "rect");
    const words = document.createElementNS(SVG, "text");
    const set = (element: Element, values: Record<string, number | string>) => {
      for (const [name, value] of Object.entries(values)) element.setAttribute(name, String(value));
    };
    set(plate, { x: x - width + 10, y: y - 10, width, height: 18, rx: 9 });
    set(words, { x: x - width / 2 + 10, y: y + 3, "text-anchor": "middle" });
    words.textContent = text;
    badge.append(plate, words);
    state.append(badge);
  }
}
