/** A chart to look at: fitted, zoomed, moved, walked through by keys, or read as text. */
import { effect, type ReadonlySignal, signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Chart } from "../chart.ts";
import { afterPaint } from "./after_paint.ts";
import { call, callFirst, chartOf, pictureOf } from "./api.ts";
import { Icon } from "./icons.tsx";
import type { Lit } from "./lit.ts";
import type { Overlay } from "./overlay.ts";
import { lazy, useKeys } from "./parts.tsx";
import { Picture } from "./picture.ts";
import { Stage } from "./stage.ts";

/** Fetched when it is asked for: most look at the picture. */
const ChartText = lazy(() => import("./chart_text.tsx"), (module) => module.ChartText);

const AGAIN_MS = 2_000;

/** A machine's chart as data. */
export interface MachineChart extends Chart {
  readonly id: string;
  readonly hash: string;
  readonly version: string | null;
  readonly versions: readonly string[];
}

/** Pictures that have been asked for. */
const pictures = new WeakMap<MachineChart, Promise<string>>();

/** Asks for the chart of a machine and then for its picture; an unknown version is that of the latest. */
export async function loadChart(
  machine: string,
  version: string | null,
  signal: AbortSignal,
): Promise<MachineChart> {
  const chart = await callFirst<MachineChart>(chartOf(machine, version), { signal });
  const picture = callFirst<string>(pictureOf(chart));
  // Who shows it says what has become of it.
  picture.catch(() => {});
  pictures.set(chart, picture);
  return chart;
}

interface ChartProps {
  readonly chart: MachineChart;
  /** Read past the components: a step back in time makes nothing anew. */
  readonly lit?: ReadonlySignal<Lit>;
  readonly over?: Overlay | null;
  /** Lays it over the picture; given where there is something to lay. */
  readonly lay?: (picture: Picture, over: Overlay | null) => void;
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
  const stage = useDrawn(viewport, isText ? null : picture, zoom.value, props);
  const scale = (by: number) => {
    const now = stage.current?.scaleOf(zoom.value);
    if (now) zoom.value = Math.min(3, Math.max(.15, by * now));
  };
  const focus = () => {
    zoom.value = Math.max(1, zoom.value ?? 1);
    if (lit) requestAnimationFrame(() => stage.current?.reveal(lit.peek(), true));
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

/** The picture, once it is there. */
function usePicture(chart: MachineChart) {
  const picture = useSignal<Picture | null>(null);
  const failure = useSignal<string | null>(null);
  useLayoutEffect(() => {
    let isOver = false;
    let again: ReturnType<typeof setTimeout> | undefined;
    let asked = pictures.get(chart);
    const painted = new Promise<void>((done) => afterPaint(done));
    const load = async () => {
      try {
        const text = await (asked ?? call<string>(pictureOf(chart)));
        // What is here before the page is painted is not waited for: it takes longer than all the rest.
        await painted;
        if (isOver) return;
        picture.value = new Picture(text);
        failure.value = null;
      } catch (error) {
        if (isOver) return;
        asked = undefined;
        failure.value = error instanceof Error ? error.message : String(error);
        // The server has not refused, it was not reached.
        if (error instanceof TypeError) again = setTimeout(load, AGAIN_MS);
      }
    };
    picture.value = null;
    failure.value = null;
    void load();
    return () => {
      isOver = true;
      clearTimeout(again);
    };
  }, [chart.id, chart.hash]);
  return { picture: picture.value, failure: failure.value };
}

/** Puts the picture in its place, and keeps it lit, fitted and movable. */
function useDrawn(
  place: RefObject<HTMLDivElement | null>,
  shown: Picture | null,
  zoom: number | null,
  { chart, lit, over, lay, selected, onSelect }: ChartProps,
): RefObject<Stage | null> {
  const stage = useRef<Stage | null>(null);
  const choose = useRef(onSelect);
  choose.current = onSelect;
  // Lit and laid over before it is on the page: what changes there is worked out twice.
  useLayoutEffect(() => {
    if (shown && over !== undefined) lay?.(shown, over);
  }, [shown, over]);
  useLayoutEffect(() => {
    if (!shown || !place.current) return;
    if (lit) shown.light(lit.peek());
    const made = stage.current = new Stage(place.current, shown, zoom, lit?.peek());
    const stop = walkByKeys(shown, chart, (state) => choose.current?.(state));
    return () => {
      stop();
      made.end();
      stage.current = null;
    };
  }, [shown]);
  useLayoutEffect(() => stage.current?.fit(zoom), [shown, zoom]);
  // Past the components: what is lit changes classes, and makes nothing anew.
  useLayoutEffect(() => effect(() => lit && stage.current?.light(lit.value)), [shown, lit]);
  useLayoutEffect(() => {
    for (const id of shown?.ids ?? []) {
      shown?.element(id)?.classList.toggle("selected", id === selected);
    }
  }, [shown, selected]);
  return stage;
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
