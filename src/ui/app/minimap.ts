/** The whole chart in small, with what of it can be seen: only where not all of it can. */
import type { Picture } from "./picture.ts";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 150;
const HEIGHT = 130;

/** What of a picture can be seen, in its own units. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Puts a map beside a viewport. `onChoose` hears of the place that is pressed, in units of the picture. */
export function mapOf(
  viewport: HTMLElement,
  picture: Picture,
  onChoose: (x: number, y: number) => void,
) {
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
  const boxes = picture.boxes.map(([state, box]) => {
    const copy = document.createElementNS(SVG, "rect");
    set(copy, { x: box.x, y: box.y, width: box.width, height: box.height });
    map.append(copy);
    return { state, copy, look: "" };
  });
  const frame = document.createElementNS(SVG, "rect");
  frame.setAttribute("class", "frame");
  map.append(frame);
  map.addEventListener("pointerdown", (event) => {
    const around = map.getBoundingClientRect();
    onChoose((event.clientX - around.left) / scale, (event.clientY - around.top) / scale);
  });
  viewport.after(map);
  const mark = () => {
    for (const each of boxes) {
      const look = each.state.getAttribute("class") ?? "";
      if (look !== each.look) each.copy.setAttribute("class", each.look = look);
    }
  };
  return {
    /** Says what can be seen. */
    frame: ({ x, y, ...seen }: View) => {
      const isWhole = seen.width >= width - 1 && seen.height >= height - 1;
      map.toggleAttribute("hidden", isWhole);
      if (isWhole) return;
      set(frame, {
        x,
        y,
        width: Math.min(seen.width, width),
        height: Math.min(seen.height, height),
      });
    },
    /** Says what is lit. */
    mark,
    remove: () => map.remove(),
  };
}

function set(element: Element, values: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, String(value));
}
