/** Numbers and paths over a picture: for the pages that show many instances at once. */
import type { Overlay, PathName } from "./overlay.ts";
import { dress, idOf, type Picture } from "./picture.ts";
import { short } from "./amount.ts";

const SVG = "http://www.w3.org/2000/svg";

/** Lays numbers over states and lines; null takes them away. What stays as it is is not touched. */
export function layOver({ states, lines, over: looks }: Picture, over: Overlay | null): void {
  for (const [id, state] of states) {
    const mark = over?.states.get(id);
    dress(
      looks,
      state,
      `${mark?.isBad ? "bad" : ""} ${mark?.tone ? `on tone-${mark.tone}` : ""} ${
        lookOf("heat", mark?.step)
      }`,
    );
    badge(state, ":scope > .box", mark?.text ?? "");
  }
  const counts = [...lines].map(([line, ways]) => {
    const count = ways.reduce((sum, way) => sum + (over?.ways.get(idOf(way)) ?? 0), 0);
    return [line, ways, count] as const;
  });
  const most = Math.max(1, ...counts.map(([, , count]) => count));
  for (const [line, ways, count] of counts) {
    const step = count && Math.ceil(5 * Math.log(count + 1) / Math.log(most + 1));
    dress(looks, line, `${lookOf("flow", step)} ${over?.paths ? pathOf(ways, over.paths) : ""}`);
    const perMinute = count / (over?.minutes ?? 1);
    const words = perMinute < 10 ? perMinute.toFixed(1) : short(Math.round(perMinute));
    // Above the label: its words are read as well.
    badge(line, ":scope > .label", count > 0 ? `${words}/min` : "", 7);
  }
}

function lookOf(name: string, step = 0): string {
  return step > 0 ? `${name} ${name}-${step}` : "";
}

function pathOf(ways: readonly SVGGElement[], paths: ReadonlyMap<string, PathName>): string {
  const who = new Set(ways.map((way) => paths.get(idOf(way))));
  if (who.has("both") || (who.has("a") && who.has("b"))) return "path path-both";
  return who.has("a") ? "path path-a" : who.has("b") ? "path path-b" : "";
}

/** The number on each owner. */
const badges = new WeakMap<Element, Element>();

/** A number on the upper right corner of a box; an empty one goes away. */
function badge(owner: Element, corner: string, text: string, up = 0): void {
  const old = badges.get(owner);
  if ((old?.textContent ?? "") === text) return;
  old?.remove();
  badges.delete(owner);
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
  badges.set(owner, group);
}
