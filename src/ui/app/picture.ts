/** The server's finished picture on the page, and the classes that light it. */
import type { Lit } from "./lit.ts";
import type { Overlay } from "./overlay.ts";
import { short } from "./words.ts";

const SVG = "http://www.w3.org/2000/svg";

/** A place, in units of the picture. */
interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One picture. */
export class Picture {
  readonly svg: SVGSVGElement;
  readonly width: number;
  readonly height: number;
  /** Where each state is. */
  readonly boxes: readonly (readonly [state: SVGGElement, box: Box, id: string])[];
  readonly #states: ReadonlyMap<string, SVGGElement>;
  /** Each line, and the transitions that share it. */
  readonly #lines: ReadonlyMap<SVGGElement, readonly SVGGElement[]>;
  readonly #ways: readonly SVGGElement[];
  /** The classes that each element has been lit with. */
  readonly #looks = new Map<Element, string>();

  constructor(text: string) {
    // The page brings the style itself: inline ones are not allowed here.
    const bare = text.replace(/<style>[^]*?<\/style>/, "");
    const parsed = new DOMParser().parseFromString(bare, "image/svg+xml").documentElement;
    const svg = document.importNode(parsed, true);
    if (!(svg instanceof SVGSVGElement)) throw new Error("The server sent no picture");
    this.svg = svg;
    this.width = svg.viewBox.baseVal.width;
    this.height = svg.viewBox.baseVal.height;
    const all = (selector: string, within: SVGElement = svg) => [
      ...within.querySelectorAll<SVGGElement>(selector),
    ];
    this.#states = new Map(all("[data-state]").map((each) => [each.dataset.state ?? "", each]));
    this.boxes = [...this.#states].flatMap(([id, state]) => {
      const box = state.querySelector<SVGRectElement>(":scope > .box");
      return box ? [[state, boxOf(box), id] as const] : [];
    });
    this.#ways = all("[data-transition]");
    this.#lines = new Map(all(".edge").map((each) => [each, all("[data-transition]", each)]));
  }

  /** Sets classes on what differs from what was lit before; nothing else is touched. */
  light(lit: Lit): void {
    this.#show(this.svg, lit.active.size > 0 ? "dim" : "");
    for (const [id, state] of this.#states) {
      const isOn = lit.active.has(id);
      const isNew = this.#show(
        state,
        isOn ? `on tone-${lit.tone}` : lit.seen.has(id) ? "seen" : "",
      );
      if (!isNew) continue;
      if (isOn) state.setAttribute("aria-current", "step");
      else state.removeAttribute("aria-current");
    }
    for (const way of this.#ways) {
      const id = idOf(way);
      const looks = [
        lit.taken.has(id) ? `taken tone-${lit.tone}` : "",
        lit.was.has(id) ? "was" : "",
        lit.open.has(id) ? "open" : "",
      ];
      this.#show(way, looks.join(" "));
    }
    for (const [line, ways] of this.#lines) {
      this.#show(line, ways.map((way) => this.#looks.get(way) ?? "").join(" "));
    }
  }

  /** Gives whether anything has changed. */
  #show(element: Element, look: string): boolean {
    const old = this.#looks.get(element) ?? "";
    if (old === look) return false;
    this.#looks.set(element, look);
    const [before, after] = [new Set(namesIn(old)), new Set(namesIn(look))];
    element.classList.remove(...before.difference(after));
    element.classList.add(...after.difference(before));
    return true;
  }

  /** Lays numbers over states and lines; null takes them away. */
  lay(over: Overlay | null): void {
    for (const [id, state] of this.#states) {
      const mark = over?.states.get(id);
      state.classList.toggle("bad", mark?.isBad ?? false);
      setStep(state, "heat", mark?.step ?? 0);
      badge(state, ":scope > .box", mark?.text ?? "");
    }
    const counts = [...this.#lines].map(([line, ways]) => {
      const count = ways.reduce((sum, way) => sum + (over?.ways.get(idOf(way)) ?? 0), 0);
      return [line, count] as const;
    });
    for (const [line, ways] of this.#lines) {
      const who = new Set(ways.map((way) => over?.paths?.get(idOf(way))));
      const isBoth = who.has("both") || (who.has("a") && who.has("b"));
      line.classList.toggle("path-both", isBoth);
      for (const name of ["a", "b"] as const) {
        line.classList.toggle(`path-${name}`, !isBoth && who.has(name));
      }
    }
    const most = Math.max(1, ...counts.map(([, count]) => count));
    for (const [line, count] of counts) {
      const perMinute = count / (over?.minutes ?? 1);
      setStep(line, "flow", count && Math.ceil(5 * Math.log(count + 1) / Math.log(most + 1)));
      const words = perMinute < 10 ? perMinute.toFixed(1) : short(Math.round(perMinute));
      // Above the label: its words are read as well.
      badge(line, ":scope > .label", count > 0 ? `${words}/min` : "", 7);
    }
  }

  /** The boxes of the innermost of some states. */
  leavesOf(active: ReadonlySet<string>): Box[] {
    return this.boxes.filter(([state, , id]) => active.has(id) && state.classList.contains("leaf"))
      .map(([, box]) => box);
  }

  element(id: string): SVGGElement | undefined {
    return this.#states.get(id);
  }

  /** In the order of the document. */
  get ids(): string[] {
    return [...this.#states.keys()];
  }
}

function boxOf({ x, y, width, height }: SVGRectElement): Box {
  return {
    x: x.baseVal.value,
    y: y.baseVal.value,
    width: width.baseVal.value,
    height: height.baseVal.value,
  };
}

const idOf = ({ dataset }: SVGGElement) => dataset.transition ?? "";
const namesIn = (look: string) => look.split(" ").filter(Boolean);

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
