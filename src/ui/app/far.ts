/** A large picture comes in two parts: what is in sight, and, once that is painted, the rest. */
import { afterPaint } from "./after_paint.ts";
import type { View } from "./minimap.ts";
import type { Picture } from "./picture.ts";

/** So many states and lines come between two frames. */
const PIECE = 40;

/**
 * Leaves states and lines out of the page until it is known what is in sight, and what is not until that
 * is painted. A line is where its states are.
 */
export function laterWhatIsFar({ boxes, lines }: Picture, view: () => View): void {
  let left = [...boxes.map(([state]) => state), ...lines.keys()];
  for (const part of left) part.setAttribute("display", "none");
  const bring = (count: number) => {
    for (const part of left.splice(0, count)) part.removeAttribute("display");
    if (left.length > 0) afterPaint(() => bring(PIECE));
  };
  queueMicrotask(() => {
    const seen = view();
    const near = new Set<string | undefined>(
      boxes.filter(([, { x, y, width, height }]) =>
        x < seen.x + seen.width && y < seen.y + seen.height && x + width > seen.x &&
        y + height > seen.y
      ).map(([, , id]) => id),
    );
    const isNear = ({ dataset: { state, from, to } }: SVGGElement) =>
      near.has(state) || near.has(from) || near.has(to);
    const first = left.filter(isNear);
    left = [...first, ...left.filter((part) => !isNear(part))];
    bring(first.length);
  });
}
