/** The whole chart in small, with what of it can be seen: only where not all of it can. */
import type { Picture } from "./picture.ts";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 150;
const HEIGHT = 130;

/** Puts a map beside a viewport; gives what draws it again and what takes it away. */
export function mapOf(viewport: HTMLElement, picture: Picture) {
  const map = document.createElementNS(SVG, "svg");
  const { width, height } = picture;
  const scale = Math.min(WIDTH / width, HEIGHT / height);
  set(map, {
    class: "minimap",
    viewBox: `0 0 ${width} ${height}`,
    width: width * scale,
    height: height * scale,
    "aria-hidden": "true",
  });
  const boxes = picture.ids.flatMap((id) => {
    const state = picture.element(id);
    const box = state?.querySelector<SVGRectElement>(":scope > .box");
    if (!state || !box) return [];
    const copy = document.createElementNS(SVG, "rect");
    for (const name of ["x", "y", "width", "height"]) {
      copy.setAttribute(name, box.getAttribute(name) ?? "0");
    }
    map.append(copy);
    return [[state, copy] as const];
  });
  const frame = document.createElementNS(SVG, "rect");
  map.append(frame);
  const draw = () => {
    const shown = picture.svg.clientWidth / width || 1;
    const [w, h] = [viewport.clientWidth / shown, viewport.clientHeight / shown];
    map.toggleAttribute("hidden", w >= width - 1 && h >= height - 1);
    const [x, y] = [viewport.scrollLeft / shown, viewport.scrollTop / shown];
    set(frame, { class: "frame", x, y, width: Math.min(w, width), height: Math.min(h, height) });
    for (const [state, copy] of boxes) {
      copy.setAttribute("class", state.getAttribute("class") ?? "");
    }
  };
  map.addEventListener("pointerdown", (event) => {
    const shown = picture.svg.clientWidth / width / scale;
    const around = map.getBoundingClientRect();
    viewport.scrollTo(
      (event.clientX - around.left) * shown - viewport.clientWidth / 2,
      (event.clientY - around.top) * shown - viewport.clientHeight / 2,
    );
  });
  viewport.addEventListener("scroll", draw, { passive: true });
  viewport.after(map);
  draw();
  return {
    draw,
    remove: () => {
      viewport.removeEventListener("scroll", draw);
      map.remove();
    },
  };
}

function set(element: Element, values: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, String(value));
}
