/** The server's finished picture on the page, and the classes that light it. */
import type { Lit } from "./lit.ts";
import type { Overlay } from "./overlay.ts";
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

  /** Lays numbers over states and lines; null takes them away. */
  lay(over: Overlay | null): void {
    for (const [id, state] of this.#states) {
      const mark = over?.states.get(id);
      state.classList.toggle("bad", mark?.isBad ?? false);
      setStep(state, "heat", mark?.step ?? 0);
      badge(state, ":scope > .box", mark?.text ?? "");
    }
    const ways = this.#lines.map((line) => {
      const ids = [...line.querySelectorAll<SVGGElement>("[data-transition]")];
      const count = ids.reduce(
        (sum, { dataset }) => sum + (over?.ways.get(dataset.transition ?? "") ?? 0),
        0,
      );
      return [line, count] as const;
    });
    for (const line of this.#lines) {
      const who = new Set(
        [...line.querySelectorAll<SVGGElement>("[data-transition]")]
          .map(({ dataset }) => over?.paths?.get(dataset.transition ?? "")),
      );
      const isBoth = who.has("both") || (who.has("a") && who.has("b"));
      line.classList.toggle("path-both", isBoth);
      for (const name of ["a", "b"] as const) {
        line.classList.toggle(`path-${name}`, !isBoth && who.has(name));
      }
    }
    const most = Math.max(1, ...ways.map(([, count]) => count));
    for (const [line, count] of ways) {
      const perMinute = count / (over?.minutes ?? 1);
      setStep(line, "flow", count && Math.ceil(5 * Math.log(count + 1) / Math.log(most + 1)));
      const words = perMinute < 10 ? perMinute.toFixed(1) : short(Math.round(perMinute));
      // Above the label: its words are read as well.
      badge(line, ":scope > .label", count > 0 ? `${words}/min` : "", 7);
    }
  }

  element(id: string): SVGGElement | undefined {
    return this.#states.get(id);
  }

  /** In the order of the document. */
  get ids(): string[] {
    return [...this.#states.keys()];
  }
}

function setStep(element: Element, name: string, step: number): void {
  for (let each = 1; each <= 5; each++) element.classList.toggle(`${name}-${each}`, each === step);
}

/** A number on the upper right corner of a box; an empty one goes away. */
function badge(owner: Element, corner: string, text: string, up = 0): void {
  const old = owner.querySelector(":scope > .badge");
  if (old?.textContent === text || (!old && text === "")) return;
  old?.remove();
  const box = owner.querySelector<SVGRectElement>(corner);
  if (!box || text === "") return;
  const x = box.x.baseVal.value + box.width.baseVal.value;
  const y = box.y.baseVal.value - up;
  const width = text.length * 6.6 + 14;
  const group = document.createElementNS(SVG, "g");
  group.setAttribute("class", "badge");
  const plate = document.createElementNS(SVG, "rect");
  const words = document.createElementNS(SVG, "text");
  const set = (element: Element, values: Record<string, number | string>) => {
    for (const [name, value] of Object.entries(values)) element.setAttribute(name, String(value));
  };
  set(plate, { x: x - width + 10, y: y - 10, width, height: 18, rx: 9 });
  set(words, { x: x - width / 2 + 10, y: y + 3, "text-anchor": "middle" });
  words.textContent = text;
  group.append(plate, words);
  owner.append(group);
}
