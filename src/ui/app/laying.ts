/** Numbers and paths over a picture: for the pages that show many instances at once. */
import type { Overlay } from "./overlay.ts";
import { idOf, type Picture } from "./picture.ts";
import { short } from "./words.ts";

const SVG = "http://www.w3.org/2000/svg";

/** Lays numbers over states and lines; null takes them away. */
export function layOver({ states, lines }: Picture, over: Overlay | null): void {
  for (const [id, state] of states) {
    const mark = over?.states.get(id);
    state.classList.toggle("bad", mark?.isBad ?? false);
    setStep(state, "heat", mark?.step ?? 0);
    badge(state, ":scope > .box", mark?.text ?? "");
  }
  const counts = [...lines].map(([line, ways]) => {
    const count = ways.reduce((sum, way) => sum + (over?.ways.get(idOf(way)) ?? 0), 0);
    return [line, count] as const;
  });
  for (const [line, ways] of lines) {
    const who = new Set(ways.map((way) => over?.paths?.get(idOf(way))));
    const isBoth = who.has("both") || (who.has("a") && who.has("b"));
    line.classList.toggle("path", isBoth || who.has("a") || who.has("b"));
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

function setStep(element: Element, name: string, step: number): void {
  element.classList.toggle(name, step > 0);
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
