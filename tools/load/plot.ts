/** A load as a picture: jobs per second above, latencies by percentile below. */
import type { Report } from "./report.ts";

const WIDTH = 720;
const PANEL = 200;
const LEFT = 70;
const RIGHT = 110;
const GAP = 60;
const TOP = 40;
const COLOURS = ["#3b6fd4", "#c9772e", "#2f8f5b"] as const;

type Point = readonly [x: number, y: number];
interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}
interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly labels: readonly (readonly [x: number, text: string])[];
}

/** An SVG document. */
export function plotOf(report: Report): string {
  const { perSecond, latencies } = report;
  const seconds = Math.max(2, ...Object.values(perSecond).map((counts) => counts.length));
  const ranks = latencies.enqueue.map(([percent]) => percent);
  const panels: Panel[] = [
    {
      title: "jobs per second",
      lines: Object.entries(perSecond).map(([name, counts]) => ({
        name,
        points: counts.map((count, second) => [second / (seconds - 1), count]),
      })),
      labels: [[0, "0 s"], [1, `${seconds - 1} s`]],
    },
    {
      title: "latency in milliseconds, by percentile",
      lines: Object.entries(latencies).map(([name, percentiles]) => ({
        name,
        points: percentiles.map(([, ms], at) => [at / Math.max(1, percentiles.length - 1), ms]),
      })),
      labels: ranks.map((percent, at) => {
        return [
          at / Math.max(1, ranks.length - 1),
          percent === 100 ? "max" : `p${percent}`,
        ] as const;
      }),
    },
  ];
  const height = TOP + panels.length * (PANEL + GAP);
  const drawn = panels.map((panel, n) => drawPanel(panel, TOP + n * (PANEL + GAP)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" ` +
    `height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...drawn,
    "</svg>",
  ].join("\n") + "\n";
}

function drawPanel({ title, lines, labels }: Panel, top: number): string {
  const most = Math.max(1, ...lines.flatMap(({ points }) => points.map(([, y]) => y)));
  const x = (share: number) => (LEFT + share * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number) => (top + PANEL - value / most * PANEL).toFixed(1);
  const grid = [0, 0.5, 1].map((share) => {
    const at = y(most * share);
    return `<line x1="${x(0)}" x2="${x(1)}" y1="${at}" y2="${at}" stroke="#ddd"/>` +
      `<text x="${LEFT - 8}" y="${at}" text-anchor="end">${(most * share).toFixed(1)}</text>`;
  });
  const drawn = lines.map(({ name, points }, n) => {
    const colour = COLOURS[n % COLOURS.length];
    const path = points.map(([px, py]) => `${x(px)},${y(py)}`).join(" ");
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${path}"/>` +
      `<text x="${WIDTH - RIGHT + 10}" y="${top + 15 + n * 18}" fill="${colour}">${name}</text>`;
  });
  const below = labels.map(([at, text]) =>
    `<text x="${x(at)}" y="${top + PANEL + 18}" text-anchor="middle">${text}</text>`
  );
  return [
    `<text x="${LEFT}" y="${top - 12}" font-weight="bold">${title}</text>`,
    ...grid,
    ...drawn,
    ...below,
  ]
    .join("\n");
}
