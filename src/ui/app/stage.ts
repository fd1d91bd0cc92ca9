/**
 * A picture in the window it is looked at through: fitted, zoomed, moved.
 *
 * Sizes are read when they change and kept: a step back in time asks the browser for no layout.
 */
import { afterPaint } from "./after_paint.ts";
import type { Lit } from "./lit.ts";
import { mapOf, type View } from "./minimap.ts";
import type { Box, Picture } from "./picture.ts";

/** Names smaller than this cannot be read: then not all of a chart is shown. */
const READABLE = .6;
/** Then it is as large as the width admits, within these. */
const LEAST_PART = .68;
const BEST_PART = .85;
const LARGEST_FIT = 1.2;
/** The tools stand at the foot of a viewport, over an empty strip as high as its padding. */
const FOOT = 56;
/** So many states and lines that are out of sight are drawn at once. */
const AT_ONCE = 32;
/** When the page has nothing else to do; not every browser tells. */
const whenIdle = globalThis.requestIdleCallback ?? setTimeout;

/** One picture on the page. */
export class Stage {
  readonly #place: HTMLElement;
  readonly #picture: Picture;
  #map: ReturnType<typeof mapOf> | undefined;
  readonly #ending = new AbortController();
  #zoom: number | null = null;
  #scale = 1;
  #view: View;

  /** Begins where something is lit, or at the beginning. */
  constructor(place: HTMLElement, picture: Picture, zoom: number | null, lit?: Lit) {
    this.#place = place;
    this.#picture = picture;
    // At its size before it is on the page: else all its text is laid out twice, at two sizes.
    this.#resize(zoom);
    this.#view = this.#start(lit);
    picture.leaveOut(this.#view);
    place.replaceChildren(picture.svg);
    const { signal } = this.#ending;
    const drawRest = () => {
      if (signal.aborted) return;
      if (!picture.putBack(AT_ONCE)) return void whenIdle(drawRest);
      this.#map = mapOf(place, picture, (x, y) => this.#centre(x, y));
      this.#map.frame(this.#view);
      this.#map.mark();
    };
    afterPaint(() => whenIdle(drawRest));
    place.addEventListener("scroll", () => this.#look(), { passive: true, signal });
    // It tells of the first size as well, in the first frame: what moves the picture before that
    // would have it laid out by itself.
    const observer = new ResizeObserver(() => this.#fit(this.#zoom));
    observer.observe(place);
    signal.addEventListener("abort", () => observer.disconnect());
    dragToMove(place, signal);
  }

  /** Takes it off the page. */
  end(): void {
    this.#ending.abort();
    this.#map?.remove();
  }

  /** A number scales it; 0 shows all of it, null all of it as long as it can be read. */
  fit(zoom: number | null): void {
    if (zoom !== this.#zoom) this.#fit(zoom);
  }

  #fit(zoom: number | null): void {
    const { width, height } = this.#picture;
    const seen = this.#view;
    const x = seen.x + Math.min(seen.width, width) / 2;
    const y = seen.y + Math.min(seen.height, height) / 2;
    this.#resize(zoom);
    this.#centre(x, y);
  }

  #resize(zoom: number | null): void {
    const { svg, width, height } = this.#picture;
    this.#zoom = zoom;
    this.#scale = this.scaleOf(zoom);
    svg.style.width = `${Math.round(width * this.#scale)}px`;
    svg.style.height = `${Math.round(height * this.#scale)}px`;
  }

  /** The scale that a zoom comes to; hardly ever larger than life. */
  scaleOf(zoom: number | null): number {
    if (zoom) return zoom;
    const { width, height } = roomIn(this.#place);
    const wide = width / this.#picture.width;
    const whole = Math.min(wide, height / this.#picture.height);
    if (zoom === 0 || whole > READABLE) return Math.min(LARGEST_FIT, whole);
    return Math.max(LEAST_PART, Math.min(BEST_PART, wide));
  }

  /** Lights it, and moves what is lit into sight when it is not. The map follows. */
  light(lit: Lit): void {
    this.#picture.light(lit);
    this.reveal(lit);
    afterPaint(() => this.#map?.mark());
  }

  /** Moves what is lit into sight, when it is not in it or when asked. */
  reveal(lit: Lit, always = false): void {
    const [box] = this.#picture.leavesOf(lit.active);
    if (!box) return;
    if (always || !isWithin(box, this.#view)) {
      this.#centre(box.x + box.width / 2, box.y + box.height / 2);
    }
  }

  /** What will be seen at first. */
  #start(lit: Lit | undefined): View {
    const view = this.#viewFrom(0, 0);
    const { width, height } = view;
    const [box] = lit ? this.#picture.leavesOf(lit.active) : [];
    if (!box || isWithin(box, view)) return view;
    const start = (middle: number, seen: number, whole: number) =>
      Math.max(0, Math.min(middle - seen / 2, whole - seen));
    return {
      ...view,
      x: start(box.x + box.width / 2, width, this.#picture.width),
      y: start(box.y + box.height / 2, height, this.#picture.height),
    };
  }

  #centre(x: number, y: number): void {
    const { width, height } = roomIn(this.#place);
    this.#place.scrollTo(x * this.#scale - width / 2, y * this.#scale - height / 2);
    this.#look();
  }

  #look(): void {
    const { scrollLeft, scrollTop } = this.#place;
    this.#view = this.#viewFrom(scrollLeft, scrollTop);
    this.#map?.frame(this.#view);
  }

  #viewFrom(left: number, top: number): View {
    const { width, height } = roomIn(this.#place);
    const by = this.#scale;
    return { x: left / by, y: top / by, width: width / by, height: height / by };
  }
}

/** Where nothing stands over the picture. */
function roomIn(
  { clientWidth, clientHeight }: HTMLElement,
): Readonly<Record<"width" | "height", number>> {
  return { width: clientWidth, height: clientHeight - FOOT };
}

function isWithin(box: Box, { x, y, width, height }: View): boolean {
  return box.x >= x && box.x + box.width <= x + width && box.y >= y &&
    box.y + box.height <= y + height;
}

function dragToMove(place: HTMLElement, signal: AbortSignal): void {
  let from: { x: number; y: number; left: number; top: number } | null = null;
  place.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    from = { x: event.clientX, y: event.clientY, left: place.scrollLeft, top: place.scrollTop };
  }, { signal });
  document.addEventListener("pointermove", (event) => {
    if (from) {
      place.scrollTo(from.left - (event.clientX - from.x), from.top - (event.clientY - from.y));
    }
  }, { signal });
  document.addEventListener("pointerup", () => from = null, { signal });
}
