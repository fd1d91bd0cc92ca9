/**
 * A picture in the window it is looked at through: fitted, zoomed, moved.
 *
 * Sizes are read when they change and kept: a step back in time asks the browser for no layout.
 */
import { afterPaint } from "./after_paint.ts";
import type { Lit } from "./lit.ts";
import { mapOf, type View } from "./minimap.ts";
import type { Picture } from "./picture.ts";

/** Names smaller than this cannot be read: then not all of a chart is shown. */
const READABLE = .56;
const UNREADABLE_SCALE = .68;
const LARGEST_FIT = 1.2;

/** One picture on the page. */
export class Stage {
  readonly #place: HTMLElement;
  readonly #picture: Picture;
  #map: ReturnType<typeof mapOf> | undefined;
  readonly #ending = new AbortController();
  #zoom: number | null = null;
  #scale = 1;
  #view: View = { x: 0, y: 0, width: 0, height: 0 };

  constructor(place: HTMLElement, picture: Picture, zoom: number | null) {
    this.#place = place;
    this.#picture = picture;
    // At its size before it is on the page: else all its text is laid out twice, at two sizes.
    this.#resize(zoom);
    place.replaceChildren(picture.svg);
    const { signal } = this.#ending;
    afterPaint(() => {
      if (signal.aborted) return;
      this.#map = mapOf(place, picture, (x, y) => this.#centre(x, y));
      this.#map.frame(this.#view);
      this.#map.mark();
    });
    place.addEventListener("scroll", () => this.#look(), { passive: true, signal });
    const observer = new ResizeObserver(() => this.fit(this.#zoom));
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
    const { width, height } = this.#picture;
    const whole = Math.min(
      this.#place.clientWidth / width,
      this.#place.clientHeight / height,
    );
    return zoom === 0 || whole > READABLE ? Math.min(LARGEST_FIT, whole) : UNREADABLE_SCALE;
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
    const { x, y, width, height } = this.#view;
    const isSeen = box.x >= x && box.x + box.width <= x + width && box.y >= y &&
      box.y + box.height <= y + height;
    if (!isSeen || always) this.#centre(box.x + box.width / 2, box.y + box.height / 2);
  }

  #centre(x: number, y: number): void {
    const { clientWidth, clientHeight } = this.#place;
    this.#place.scrollTo(
      x * this.#scale - clientWidth / 2,
      y * this.#scale - clientHeight / 2,
    );
    this.#look();
  }

  #look(): void {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.#place;
    const by = this.#scale;
    this.#view = {
      x: scrollLeft / by,
      y: scrollTop / by,
      width: clientWidth / by,
      height: clientHeight / by,
    };
    this.#map?.frame(this.#view);
  }
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
