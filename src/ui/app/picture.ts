/** The server's finished picture on the page, and the classes that light it. */
import type { Lit } from "./lit.ts";

/** A place, in units of the picture. */
export interface Box {
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
  /** By id, in the order of the document. */
  readonly states: ReadonlyMap<string, SVGGElement>;
  /** Each line, and the transitions that share it. */
  readonly lines: ReadonlyMap<SVGGElement, readonly SVGGElement[]>;
  readonly #ways: readonly (readonly [id: string, way: SVGGElement])[];
  /** The classes that each element has been lit with. */
  readonly #looks = new Map<Element, string>();

  constructor(text: string) {
    // The page brings the style itself: inline ones are not allowed here.
    const bare = text.replace(/<style>[^]*?<\/style>/, "");
    // Taken over, not copied: it has thousands of elements.
    const svg = document.adoptNode(
      new DOMParser().parseFromString(bare, "image/svg+xml").documentElement,
    );
    if (!(svg instanceof SVGSVGElement)) throw new Error("The server sent no picture");
    this.svg = svg;
    this.width = svg.viewBox.baseVal.width;
    this.height = svg.viewBox.baseVal.height;
    const all = (selector: string, within: SVGElement = svg) => [
      ...within.querySelectorAll<SVGGElement>(selector),
    ];
    this.states = new Map(all("[data-state]").map((each) => [each.dataset.state ?? "", each]));
    this.boxes = [...this.states].flatMap(([id, state]) => {
      const box = state.querySelector<SVGRectElement>(":scope > .box");
      return box ? [[state, boxOf(box), id] as const] : [];
    });
    this.#ways = all("[data-transition]").map((way) => [idOf(way), way]);
    this.lines = new Map(all(".edge").map((each) => [each, all("[data-transition]", each)]));
  }

  /** Sets classes on what differs from what was lit before; nothing else is touched. */
  light(lit: Lit): void {
    const tone = `tone-${lit.tone}`;
    this.#show(this.svg, lit.active.size > 0 ? "dim" : "");
    for (const [id, state] of this.states) {
      const isOn = lit.active.has(id);
      const isNew = this.#show(
        state,
        isOn ? `on ${tone}` : lit.seen.has(id) ? "seen" : "",
      );
      if (!isNew) continue;
      if (isOn) state.setAttribute("aria-current", "step");
      else state.removeAttribute("aria-current");
    }
    for (const [id, way] of this.#ways) {
      const taken = lit.taken.has(id) ? `taken ${tone}` : "";
      this.#show(way, `${taken} ${lit.was.has(id) ? "was" : ""} ${lit.open.has(id) ? "open" : ""}`);
    }
    for (const [line, ways] of this.lines) {
      this.#show(line, ways.map((way) => this.#looks.get(way)).join(" "));
    }
  }

  /** Gives whether anything has changed. */
  #show(element: Element, look: string): boolean {
    const old = this.#looks.get(element) ?? "";
    if (old === look) return false;
    this.#looks.set(element, look);
    const [before, after] = [namesIn(old), namesIn(look)];
    for (const name of before) if (!after.includes(name)) element.classList.remove(name);
    for (const name of after) if (!before.includes(name)) element.classList.add(name);
    return true;
  }

  /** The boxes of the innermost of some states. */
  leavesOf(active: ReadonlySet<string>): Box[] {
    return this.boxes.filter(([state, , id]) => active.has(id) && state.classList.contains("leaf"))
      .map(([, box]) => box);
  }

  element(id: string): SVGGElement | undefined {
    return this.states.get(id);
  }

  /** In the order of the document. */
  get ids(): string[] {
    return [...this.states.keys()];
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

/** The id of a transition. */
export const idOf = ({ dataset }: SVGGElement) => dataset.transition ?? "";
const namesIn = (look: string) => look.split(" ").filter(Boolean);
