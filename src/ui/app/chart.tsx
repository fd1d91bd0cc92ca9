/** A chart to look at: fitted, zoomed, moved, walked through by keys, or read as text. */
import { signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Chart } from "../chart.ts";
import { at, call, queryOf } from "./api.ts";
import { Icon } from "./icons.tsx";
import type { Lit } from "./lit.ts";
import type { Overlay } from "./overlay.ts";
import { useKeys } from "./parts.tsx";
import { mapOf } from "./minimap.ts";
import { Picture } from "./picture.ts";
import { lazy } from "./lazy.tsx";

/** Fetched when it is asked for: most look at the picture. */
const ChartText = lazy(() => import("./chart_text.tsx"), (module) => module.ChartText);

/** A machine's chart as data. */
export interface MachineChart extends Chart {
  readonly id: string;
  readonly hash: string;
  readonly version: string | null;
  readonly versions: readonly string[];
}

/** Asks for the chart of a machine; an unknown version is that of the latest. */
export function loadChart(
  machine: string,
  version: string | null,
  signal: AbortSignal,
): Promise<MachineChart> {
  return call(`${at("machines", machine)}${queryOf({ version })}`, { signal });
}

interface ChartProps {
  readonly chart: MachineChart;
  readonly lit?: Lit;
  readonly over?: Overlay | null;
  readonly selected?: string | null;
  readonly onSelect?: (state: string) => void;
}

/** Whether charts are shown as text; kept for all of them. */
const asText = signal(localStorage.getItem("perdura-chart") === "text");

function showText(wanted: boolean): void {
  asText.value = wanted;
  localStorage.setItem("perdura-chart", wanted ? "text" : "picture");
}

/** The chart with its controls. */
export function ChartView(props: ChartProps) {
  const { chart, lit, over, onSelect } = props;
  const { picture, failure } = usePicture(chart);
  const viewport = useRef<HTMLDivElement>(null);
  const zoom = useSignal<number | null>(null);
  const isText = asText.value || failure !== null;
  useDrawn(viewport, isText ? null : picture, zoom.value, props);
  const scale = (by: number) => {
    if (!picture) return;
    const wanted = by * scaleOf(viewport.current, picture, zoom.value);
    zoom.value = Math.min(3, Math.max(.15, wanted));
  };
  const focus = () => {
    zoom.value = Math.max(1, zoom.value ?? 1);
    if (lit) requestAnimationFrame(() => reveal(viewport.current, picture, lit, true));
  };
  const whole = () => zoom.value = 0;
  const turn = () => showText(!asText.value);
  useKeys({ f: whole, a: focus, t: turn, "+": () => scale(1.25), "-": () => scale(.8) });
  return (
    <div class="chartview">
      {failure && (
        <p class="failure">The picture could not be drawn ({failure}); this is its text.</p>
      )}
      {isText
        ? <ChartText chart={chart} lit={lit} over={over} onSelect={onSelect} />
        : <div class="viewport" ref={viewport} aria-busy={picture === null} />}
      <div class="tools" role="group" aria-label="Chart">
        <Tool label="Fit" icon="fit" keys="f" onClick={whole} disabled={isText} />
        {lit && <Tool label="Focus" icon="focus" keys="a" onClick={focus} disabled={isText} />}
        <Tool label="Zoom in" icon="plus" onClick={() => scale(1.25)} disabled={isText} bare />
        <Tool label="Zoom out" icon="minus" onClick={() => scale(.8)} disabled={isText} bare />
        <Tool label="Text" icon="text" keys="t" onClick={turn} pressed={isText} />
      </div>
    </div>
  );
}

/** Fetches the picture; its address has its hash, so that it is fetched once. */
function usePicture(chart: MachineChart) {
  const picture = useSignal<Picture | null>(null);
  const failure = useSignal<string | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    picture.value = null;
    failure.value = null;
    const query = queryOf({ version: chart.version, hash: chart.hash });
    call<string>(`${at("machines", chart.id, "chart.svg")}${query}`, { signal: controller.signal })
      .then((text) => picture.value = new Picture(text))
      .catch((error) => controller.signal.aborted || (failure.value = String(error.message)));
    return () => controller.abort();
  }, [chart.id, chart.hash]);
  return { picture: picture.value, failure: failure.value };
}

/** Puts the picture in its place, and keeps it lit, fitted and movable. */
function useDrawn(
  place: RefObject<HTMLDivElement | null>,
  shown: Picture | null,
  zoom: number | null,
  { chart, lit, over, selected, onSelect }: ChartProps,
): void {
  const now = useRef(zoom);
  now.current = zoom;
  const map = useRef<{ draw(): void } | null>(null);
  const choose = useRef(onSelect);
  choose.current = onSelect;
  useLayoutEffect(() => {
    if (!shown || !place.current) return;
    place.current.replaceChildren(shown.svg);
    const minimap = mapOf(place.current, shown);
    map.current = minimap;
    const stops = [
      minimap.remove,
      walkByKeys(shown, chart, (state) => choose.current?.(state)),
      watchSize(place.current, () => {
        fit(place.current, shown, now.current);
        minimap.draw();
      }),
      dragToMove(place.current),
    ];
    return () => stops.forEach((stop) => stop());
  }, [shown]);
  useLayoutEffect(() => {
    fit(place.current, shown, zoom);
    map.current?.draw();
  }, [shown, zoom]);
  useLayoutEffect(() => {
    if (!shown || !lit) return;
    shown.light(lit);
    reveal(place.current, shown, lit);
    map.current?.draw();
  }, [shown, lit]);
  useLayoutEffect(() => {
    if (over !== undefined) shown?.lay(over);
  }, [shown, over]);
  useLayoutEffect(() => {
    for (const id of shown?.ids ?? []) {
      shown?.element(id)?.classList.toggle("selected", id === selected);
    }
  }, [shown, selected]);
}

function Tool({ label, icon, keys, onClick, disabled, pressed, bare }: {
  readonly label: string;
  readonly icon: "fit" | "focus" | "plus" | "minus" | "text";
  readonly keys?: string;
  readonly onClick: () => void;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  readonly bare?: boolean;
}) {
  return (
    <button
      type="button"
      class="tool"
      onClick={onClick}
      disabled={disabled ?? false}
      aria-pressed={pressed}
      aria-label={label}
      title={keys ? `${label} (${keys})` : label}
    >
      <Icon name={icon} />
      {!bare && <span>{label}</span>}
    </button>
  );
}

/**
 * The scale for a zoom; 0: all of it, null: all of it as long as it can be read, else it is moved.
 * Hardly ever larger than life.
 */
function scaleOf(
  place: HTMLElement | null,
  { width, height }: Picture,
  zoom: number | null,
): number {
  if (zoom) return zoom;
  if (!place) return 1;
  const whole = Math.min(place.clientWidth / width, place.clientHeight / height);
  const isReadable = zoom === 0 || whole > .56;
  return isReadable ? Math.min(1.2, whole) : .68;
}

function fit(place: HTMLElement | null, picture: Picture | null, zoom: number | null): void {
  if (!place || !picture) return;
  const scale = scaleOf(place, picture, zoom);
  const [x, y] = [
    place.scrollLeft + place.clientWidth / 2,
    place.scrollTop + place.clientHeight / 2,
  ];
  const before = picture.svg.clientWidth || 1;
  picture.svg.style.width = `${Math.round(picture.width * scale)}px`;
  picture.svg.style.height = `${Math.round(picture.height * scale)}px`;
  const ratio = picture.svg.clientWidth / before;
  place.scrollTo(x * ratio - place.clientWidth / 2, y * ratio - place.clientHeight / 2);
}

/** Moves what is lit into sight, when none of it is, or when asked. */
function reveal(
  place: HTMLElement | null,
  picture: Picture | null,
  lit: Lit,
  always = false,
): void {
  const leaves = [...lit.active].map((id) => picture?.element(id)).filter((each) =>
    each?.classList.contains("leaf")
  );
  const [first] = leaves;
  if (!place || !first) return;
  const outer = place.getBoundingClientRect();
  const inner = first.getBoundingClientRect();
  const isSeen = inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top &&
    inner.bottom <= outer.bottom;
  if (isSeen && !always) return;
  place.scrollBy(
    inner.left + inner.width / 2 - outer.left - outer.width / 2,
    inner.top + inner.height / 2 - outer.top - outer.height / 2,
  );
}

function watchSize(place: HTMLElement, changed: () => void) {
  const observer = new ResizeObserver(changed);
  observer.observe(place);
  return () => observer.disconnect();
}

function dragToMove(place: HTMLElement) {
  let from: { x: number; y: number; left: number; top: number } | null = null;
  const controller = new AbortController();
  const options = { signal: controller.signal };
  place.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    from = { x: event.clientX, y: event.clientY, left: place.scrollLeft, top: place.scrollTop };
  }, options);
  document.addEventListener("pointermove", (event) => {
    if (from) {
      place.scrollTo(from.left - (event.clientX - from.x), from.top - (event.clientY - from.y));
    }
  }, options);
  document.addEventListener("pointerup", () => from = null, options);
  return () => controller.abort();
}

/** One stop for the tab key; arrows go up, down and along inside. */
function walkByKeys(
  picture: Picture,
  chart: Chart,
  onSelect: (state: string) => void,
) {
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const [root] = chart.states;
  let current = root?.id ?? "";
  const move = (id: string | undefined) => {
    const next = id === undefined ? undefined : picture.element(id);
    if (!next || id === undefined) return;
    picture.element(current)?.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
    current = id;
  };
  picture.element(current)?.setAttribute("tabindex", "0");
  const drawn = chart.states.filter(({ id }) => picture.element(id));
  picture.svg.addEventListener("keydown", (event) => {
    const here = drawn.find(({ id }) => id === current);
    const peers = drawn.filter(({ parent }) => parent === here?.parent).map(({ id }) => id);
    const index = peers.indexOf(current);
    const ways: Record<string, string | undefined> = {
      ArrowUp: here?.parent ?? undefined,
      ArrowDown: drawn.find(({ parent }) => parent === current)?.id,
      ArrowLeft: peers[index - 1],
      ArrowRight: peers[index + 1],
      Home: root?.id,
    };
    if (event.key in ways) {
      event.preventDefault();
      event.stopPropagation();
      move(ways[event.key]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onSelect(current);
    }
  }, options);
  picture.svg.addEventListener("click", (event) => {
    const target = event.target instanceof Element
      ? event.target.closest<SVGGElement>("[data-state]")
      : null;
    if (target?.dataset.state) onSelect(target.dataset.state);
  }, options);
  return () => controller.abort();
}
