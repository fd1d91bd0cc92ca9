/** Lines over time, by uPlot: a bundle of its own, for the page of metrics alone. */
import uPlot from "uplot";

/** One line. */
export interface Series {
  readonly label: string;
  readonly tone: string;
  readonly values: readonly number[];
}

/** A drawn plot. */
export interface Plotter {
  show(times: readonly number[], series: readonly Series[]): void;
  close(): void;
}

const HEIGHT = 200;

/** Seconds between two times of the axis: whole ones, or a page just opened tells the same second twice. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400];

/** What uPlot needs of its own sheet; a sheet made by script is no inline style. */
const sheet = new CSSStyleSheet();
sheet.replaceSync(
  ".u-wrap{position:relative}.u-over,.u-under,.u-axis{position:absolute}" +
    ".uplot canvas{display:block;width:100%;height:100%}" +
    ".u-cursor-x,.u-cursor-y{position:absolute;border-left:1px dashed var(--edge);pointer-events:none}" +
    ".u-cursor-x{height:100%}.u-cursor-y{display:none}",
);

/** Draws into an element as wide as it is. */
export function plotIn(place: HTMLElement, series: readonly Series[]): Plotter {
  if (!document.adoptedStyleSheets.includes(sheet)) document.adoptedStyleSheets.push(sheet);
  const ink = colourOf(place, "--soft");
  const grid = { stroke: colourOf(place, "--line"), width: 1 };
  const axis = { stroke: ink, grid, ticks: grid, font: "11px Inter, sans-serif" };
  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      axes: [
        { ...axis, space: 76, incrs: TIME_STEPS, values: (_, ticks) => ticks.map(timeOf) },
        { ...axis, size: 48 },
      ],
      series: [
        {},
        ...series.map(({ label, tone }) => ({
          label,
          stroke: colourOf(place, `--${tone}`),
          width: 2,
        })),
      ],
    },
    [[], ...series.map(() => [])],
    place,
  );
  const observer = new ResizeObserver(() =>
    plot.setSize({ width: place.clientWidth, height: HEIGHT })
  );
  observer.observe(place);
  return {
    show: (times, lines) => plot.setData([[...times], ...lines.map(({ values }) => [...values])]),
    close: () => {
      observer.disconnect();
      plot.destroy();
    },
  };
}

const timeOf = (seconds: number) => new Date(seconds * 1_000).toLocaleTimeString("en-GB");

/** A canvas knows no `light-dark()`: a real element is asked what it comes to. */
function colourOf(place: HTMLElement, name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  place.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
