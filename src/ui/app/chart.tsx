/** A chart to look at: fitted, zoomed, moved, walked through by keys, or read as text. */
import { signal, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Chart } from "../chart.ts";
import { at, call, queryOf } from "./api.ts";
import { Icon } from "./icons.tsx";
import type { Lit } from "./lit.ts";
import { useKeys } from "./parts.tsx";
import { Picture } from "./picture.ts";
import { ChartText } from "./chart_text.tsx";

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
  readonly heat?: ReadonlyMap<string, number> | null;
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
export function ChartView({ chart, lit, heat, selected, onSelect }: ChartProps) {
  const picture = useSignal<Picture | null>(null);
  const failure = useSignal<string | null>(null);
  const viewport = useRef<HTMLDivElement>(null);
  const zoom = useSignal<number | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    picture.value = null;
    failure.value = null;
    const path = `${at("machines", chart.id, "chart.svg")}${
      queryOf({ version: chart.version, hash: chart.hash })
    }`;
    call<string>(path, { signal: controller.signal })
      .then((text) => picture.value = new Picture(text))
      .catch((error) => controller.signal.aborted || (failure.value = String(error.message)));
    return () => controller.abort();
  }, [chart.id, chart.hash]);
  const shown = picture.value;
  const isText = asText.value || failure.value !== null;
  useLayoutEffect(() => {
    if (!shown || isText) return;
    viewport.current?.replaceChildren(shown.svg);
    fit(viewport.current, shown, zoom.value);
    return walkByKeys(shown, chart, onSelect);
  }, [shown, isText]);
  useLayoutEffect(() => {
    if (!shown || isText || !lit) return;
    shown.light(lit);
    reveal(viewport.current, shown, lit);
  }, [shown, isText, lit]);
  useLayoutEffect(() => shown && heat !== undefined ? shown.heat(heat) : undefined, [
    shown,
    isText,
    heat,
  ]);
  useLayoutEffect(() => {
    for (const id of shown?.ids ?? []) {
      shown?.element(id)?.classList.toggle("selected", id === selected);
    }
  }, [shown, isText, selected]);
  useLayoutEffect(() => fit(viewport.current, shown, zoom.value), [zoom.value]);
  useEffect(
    () => watchSize(viewport.current, () => fit(viewport.current, picture.value, zoom.value)),
    [isText],
  );
  useEffect(() => isText ? undefined : dragToMove(viewport.current), [isText]);
  const scale = (by: number) => {
    if (shown) {
      zoom.value = Math.min(
        3,
        Math.max(.15, by * (zoom.value ?? fitting(viewport.current, shown))),
      );
    }
  };
  const focus = () => {
    zoom.value = Math.max(1, zoom.value ?? 1);
    if (lit) requestAnimationFrame(() => reveal(viewport.current, shown, lit, true));
  };
  useKeys({
    f: () => zoom.value = null,
    a: focus,
    t: () => showText(!asText.value),
    "+": () => scale(1.25),
    "-": () => scale(.8),
  });
  return (
    <div class="chartview">
      {failure.value && (
        <p class="failure">The picture could not be drawn ({failure.value}); here it is as text.</p>
      )}
      {isText
        ? <ChartText chart={chart} lit={lit} heat={heat} onSelect={onSelect} />
        : <div class="viewport" ref={viewport} aria-busy={shown === null} />}
      <div class="tools" role="group" aria-label="Chart">
        <Tool label="Fit" icon="fit" keys="f" onClick={() => zoom.value = null} disabled={isText} />
        {lit && <Tool label="Focus" icon="focus" keys="a" onClick={focus} disabled={isText} />}
        <Tool label="Zoom in" icon="plus" onClick={() => scale(1.25)} disabled={isText} bare />
        <Tool label="Zoom out" icon="minus" onClick={() => scale(.8)} disabled={isText} bare />
        <Tool
          label="Text"
          icon="text"
          keys="t"
          onClick={() => showText(!asText.value)}
          pressed={isText}
        />
      </div>
    </div>
  );
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

/** Never larger than life, and never so small that nothing can be read: then it is moved instead. */
function fitting(place: HTMLElement | null, { width, height }: Picture): number {
  if (!place) return 1;
  const whole = Math.min(place.clientWidth / width, place.clientHeight / height);
  const least = place.clientWidth < 600 ? .62 : .5;
  return Math.min(1.25, Math.max(least, whole));
}

function fit(place: HTMLElement | null, picture: Picture | null, zoom: number | null): void {
  if (!place || !picture) return;
  const scale = zoom ?? fitting(place, picture);
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

function watchSize(place: HTMLElement | null, changed: () => void) {
  if (!place) return;
  const observer = new ResizeObserver(changed);
  observer.observe(place);
  return () => observer.disconnect();
}

function dragToMove(place: HTMLElement | null) {
  if (!place) return;
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
  onSelect: ((state: string) => void) | undefined,
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
      onSelect?.(current);
    }
  }, options);
  picture.svg.addEventListener("click", (event) => {
    const target = event.target instanceof Element
      ? event.target.closest<SVGGElement>("[data-state]")
      : null;
    if (target?.dataset.state) onSelect?.(target.dataset.state);
  }, options);
  return () => controller.abort();
}
