/** Icons as paths on a grid of 16: a font may lack the glyph, and a shape is told apart without colour. */

const paths = {
  overview: "M2 2h5v6H2zM9 2h5v3.5H9zM9 7.5h5V14H9zM2 10h5v4H2z",
  machines: "M5.5 2h5v3.5h-5zM1.5 10.5h5V14h-5zM9.5 10.5h5V14h-5zM8 5.5v2.5M4 10.5V8h8v2.5",
  instances: "M2 3.5h12M2 8h12M2 12.5h8",
  dead: "M8 1.8 14.8 13.8H1.2zM8 6v4M8 11.9v.1",
  operations: "M3 4.5h10M3 11.5h10M6 2.5v4M10.5 9.5v4",
  queues: "M2 3h12v3H2zM2 8h12v3H2zM4 13.5h8",
  schedules: "M2.5 3.5h11v10h-11zM2.5 6.5h11M5.5 1.8v3M10.5 1.8v3",
  workers:
    "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M12.6 3.4l-1.4 1.4M4.8 11.2l-1.4 1.4",
  metrics: "M2 13.5h12M2.5 10.5l3-4 3 2.5 5-6.5",
  api: "M5.5 4 2 8l3.5 4M10.5 4 14 8l-3.5 4M9 2.5 7 13.5",
  theme: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  out: "M6.5 2.5h-4v11h4M6.5 8h7.5M11 5l3 3-3 3",
  clock: "M8 2a6 6 0 1 0 .01 0zM8 4.8V8l2.3 1.5",
  ring: "M8 3.2a4.8 4.8 0 1 0 .01 0z",
  dot: "M8 4a4 4 0 1 0 .01 0z",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 1.8v3.2H9.8",
  bars: "M5.5 3.5v9M10.5 3.5v9",
  check: "M3 8.5 6.5 12 13 4.5",
  cross: "M4 4l8 8M12 4l-8 8",
  struck: "M8 2.5a5.5 5.5 0 1 0 .01 0zM4.2 11.8l7.6-7.6",
  block: "M8 2.5a5.5 5.5 0 1 0 .01 0zM5 8h6",
  warn: "M8 2 14.5 13.5h-13zM8 6.2v3.6M8 11.6v.1",
  bolt: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z",
  first: "M3 3h1.8v10H3zM12.5 3 6 8l6.5 5z",
  back: "M11 3 4.5 8l6.5 5z",
  on: "M5 3l6.5 5L5 13z",
  text: "M3 3.5h10M3 6.5h10M3 9.5h7M3 12.5h7",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  focus: "M8 5.5a2.5 2.5 0 1 0 .01 0zM8 1.5v2.5M8 12v2.5M1.5 8H4M12 8h2.5",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
} as const;

/** The name of an icon. */
export type IconName = keyof typeof paths;

const filled = new Set<IconName>(["dot", "first", "back", "on", "bolt"]);

/** One icon; hidden from readers, since the word beside it says it. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class={filled.has(name) ? "icon full" : "icon"} viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
