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
  /** In the order of the document. */
  readonly #parts: readonly Element[];
  #leftOut: Element[] = [];
  /** What each element has been lit with, and what is laid over it. */
  readonly #looks = new Map<Element, string>();
  readonly over = new Map<Element, string>();

  constructor(text: string) {
    // The page brings the style itself: inline ones are not allowed here.
    const bare = text.replace(/<style>[^]*?<\/style>/, "");
    // As HTML: that takes a third of the time of XML. It is no page, so that nothing in it runs.
    const found = new DOMParser().parseFromString(bare, "text/html").body.firstElementChild;
    if (!(found instanceof SVGSVGElement)) throw new Error("The server sent no picture");
    // Taken over, not copied: it has thousands of elements.
    const svg = this.svg = document.adoptNode(found);
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
    this.#parts = [...svg.children];
  }

  /** Sets classes on what differs from what was lit before; nothing else is touched. */
  light(lit: Lit): void {
    const tone = `tone-${lit.tone}`;
    dress(this.#looks, this.svg, lit.active.size > 0 ? "dim" : "");
    for (const [id, state] of this.states) {
      const isOn = lit.active.has(id);
      const isNew = dress(this.#looks, state, isOn ? `on ${tone}` : lit.seen.has(id) ? "seen" : "");
      if (!isNew) continue;
      if (isOn) state.setAttribute("aria-current", "step");
      else state.removeAttribute("aria-current");
    }
    for (const [id, way] of this.#ways) {
      const taken = lit.taken.has(id) ? `taken ${tone}` : "";
      dress(
        this.#looks,
        way,
        `${taken} ${lit.was.has(id) ? "was" : ""} ${lit.open.has(id) ? "open" : ""}`,
      );
    }
    for (const [line, ways] of this.lines) {
      dress(this.#looks, line, ways.map((way) => this.#looks.get(way)).join(" "));
    }
  }

  /** The boxes of the innermost of some states. */
  leavesOf(active: ReadonlySet<string>): Box[] {
    return this.boxes.filter(([state, , id]) => active.has(id) && state.classList.contains("leaf"))
      .map(([, box]) => box);
  }

  /**
   * Takes off for now what is not near a part of it: most of a large one is out of sight. Hiding would
   * not do: browsers lay out groups that are not displayed.
   */
  leaveOut(seen: Box): void {
    this.#leftOut = this.#parts.filter((part) => !isNear(pointsOf(part), seen));
    for (const part of this.#leftOut) part.remove();
    this.svg.ariaBusy = this.#leftOut.length > 0 ? "true" : null;
  }

  /** Puts back so much of what was left out, the last ones first; gives whether that was all. */
  putBack(count: number): boolean {
    for (const part of this.#leftOut.splice(-count).reverse()) {
      // All behind it is there.
      this.svg.insertBefore(part, this.#parts[this.#parts.indexOf(part) + 1] ?? null);
    }
    const isWhole = this.#leftOut.length === 0;
    if (isWhole) this.svg.ariaBusy = null;
    return isWhole;
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

/** Sets classes on an element beside its own, instead of others; gives whether anything has changed. */
export function dress(looks: Map<Element, string>, element: Element, look: string): boolean {
  const old = looks.get(element) ?? "";
  if (old === look) return false;
  looks.set(element, look);
  // Each call is a change of its own: one for all that go, one for all that come.
  const [gone, come] = [namesIn(old), namesIn(look)];
  if (gone.length > 0) element.classList.remove(...gone);
  if (come.length > 0) element.classList.add(...come);
  return true;
}

/** The corners of a state, or all that a line is made of: pairs of numbers. */
function pointsOf(part: Element): number[] {
  const box = part.querySelector<SVGRectElement>(":scope > .box");
  if (!box) {
    return part.querySelector(".line")?.getAttribute("d")?.match(/[\d.]+/g)?.map(Number) ?? [];
  }
  const { x, y, width, height } = boxOf(box);
  return [x, y, x + width, y + height];
}

/** Labels are beside their lines: so much around what is seen is seen as well. */
const AROUND = 100;

function isNear(points: readonly number[], { x, y, width, height }: Box): boolean {
  const isAlong = (offset: number, from: number, length: number) => {
    const all = points.filter((_, i) => i % 2 === offset);
    return Math.min(...all) <= from + length + AROUND && Math.max(...all) >= from - AROUND;
  };
  // What is nowhere, as the tips of the lines, belongs to all.
  return points.length === 0 || isAlong(0, x, width) && isAlong(1, y, height);
}

/** The id of a transition. */
export const idOf = ({ dataset }: SVGGElement) => dataset.transition ?? "";
const namesIn = (look: string) => look.split(" ").filter(Boolean);
