/**
 * The picture of the job machine: `deno run -A tools/job_diagram.ts` writes docs/job-statechart.svg.
 *
 * The machine says which steps there are, this file only where they are drawn. A step that no arrow
 * covers, and an arrow for a step that the machine does not take, stop the generator: a changed
 * machine cannot leave an old picture behind.
 */
import { JOB_EVENTS, JOB_STATES, jobMachine, type JobState } from "../machines/job.ts";
import { INITIAL_STATE } from "../src/core/lifecycle.ts";
import { walkMachine } from "../src/core/lifecycle_table.ts";

/** Where the picture stands, from the root of the project. */
export const DIAGRAM = "docs/job-statechart.svg";

const START = "(none)";

/** One answer of the machine. `if`: under which guard; null: always. */
interface Step {
  readonly from: string;
  readonly event: string;
  readonly to: string;
  readonly if: string | null;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

/** An arrow for every step of `events` that leads from one of `from` to `to`. */
interface Arrow {
  readonly from: readonly string[];
  readonly to: JobState;
  readonly events: readonly string[];
  readonly path: readonly Point[];
  /** The first label's place; the next one goes to the other side of the line. */
  readonly label: Point;
  readonly anchor: "start" | "middle" | "end";
  /** Degrees. */
  readonly turn?: number;
}

const WIDTH = 1090;
const HEIGHT = 580;

const BOXES: Readonly<Record<JobState, Box>> = {
  pending: { x: 150, y: 132, width: 150, height: 56 },
  retry: { x: 150, y: 262, width: 150, height: 56 },
  scheduled: { x: 150, y: 392, width: 150, height: 56 },
  running: { x: 556, y: 118, width: 124, height: 344 },
  succeeded: { x: 896, y: 132, width: 140, height: 56 },
  dead_letter: { x: 896, y: 262, width: 140, height: 56 },
  cancelled: { x: 896, y: 392, width: 140, height: 56 },
};

const WAITING: readonly JobState[] = ["pending", "retry", "scheduled"];
const FRAMES: readonly (Box & { readonly states: readonly JobState[]; readonly title: string })[] =
  [
    { x: 64, y: 96, width: 266, height: 402, title: "waiting", states: WAITING },
    { x: 878, y: 238, width: 176, height: 232, title: "", states: ["dead_letter", "cancelled"] },
  ];

const ARROWS: readonly Arrow[] = [
  arrow(START, "pending", ["ENQUEUE"], at(24, 148, 150, 148), { x: 70, y: 141 }, "start"),
  arrow(WAITING, "running", ["CLAIM"], at(330, 225, 556, 225), { x: 443, y: 217 }),
  arrow(WAITING, "scheduled", ["SCHEDULE"], at(225, 498, 225, 448), { x: 235, y: 478 }, "start"),
  arrow(WAITING, "cancelled", ["CANCEL"], at(300, 498, 300, 534, 966, 534, 966, 448), {
    x: 618,
    y: 526,
  }),
  arrow("retry", "pending", ["RETRY_NOW"], at(225, 262, 225, 188), { x: 235, y: 229 }, "start"),
  arrow(
    "scheduled",
    "pending",
    ["RETRY_NOW"],
    at(150, 420, 104, 420, 104, 172, 150, 172),
    {
      x: 96,
      y: 296,
    },
    "middle",
    -90,
  ),
  arrow("running", "pending", ["INTERRUPTED"], at(556, 160, 300, 160), { x: 443, y: 152 }),
  arrow("running", "retry", ["FAIL", "LEASE_EXPIRED"], at(556, 290, 300, 290), { x: 443, y: 282 }),
  arrow("running", "scheduled", ["SNOOZE"], at(556, 420, 300, 420), { x: 443, y: 412 }),
  arrow("running", "succeeded", ["SUCCEED"], at(680, 160, 896, 160), { x: 779, y: 152 }),
  arrow("running", "dead_letter", ["FAIL", "LEASE_EXPIRED"], at(680, 290, 896, 290), {
    x: 779,
    y: 282,
  }),
  arrow("running", "cancelled", ["CANCEL", "FAIL"], at(680, 420, 896, 420), { x: 779, y: 412 }),
  arrow(
    ["dead_letter", "cancelled"],
    "pending",
    ["REQUEUE"],
    at(1054, 354, 1070, 354, 1070, 48, 225, 48, 225, 132),
    { x: 618, y: 40 },
  ),
];

/** How the guards read in the picture. */
const CONDITIONS: Readonly<Record<string, string>> = {
  cancelRequested: "cancel requested",
  retryAllowed: "retry allowed",
  crashesLeft: "crashes left",
};

const STYLE = `
  text { font: 13px ui-sans-serif, system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .name { font-size: 15px; font-weight: 600 }
  .event { font-size: 12px; font-weight: 600 }
  .if, .note { font-size: 12px; fill: #59636e; font-weight: 400 }
  .state rect { fill: #f6f8fa; stroke: #59636e; stroke-width: 1.5 }
  .waiting rect { fill: #ddf4ff; stroke: #0969da }
  .running rect { fill: #fff8c5; stroke: #9a6700 }
  .succeeded rect { fill: #dafbe1; stroke: #1a7f37 }
  .dead_letter rect { fill: #ffebe9; stroke: #cf222e }
  .frame { fill: none; stroke: #8c959f; stroke-dasharray: 5 4 }
  .line { fill: none; stroke: #59636e; stroke-width: 1.5; stroke-linejoin: round }
  .head, .start { fill: #59636e }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .if, .note { fill: #9198a1 }
    .state rect { fill: #212830; stroke: #9198a1 }
    .waiting rect { fill: #0c2d6b; stroke: #58a6ff }
    .running rect { fill: #4b2900; stroke: #d29922 }
    .succeeded rect { fill: #0f5323; stroke: #3fb950 }
    .dead_letter rect { fill: #67060c; stroke: #f85149 }
    .frame { stroke: #656c76 }
    .line { stroke: #9198a1 }
    .head, .start { fill: #9198a1 }
  }
`;

/** The whole picture. Throws when the machine has a step without an arrow, or the reverse. */
export function drawJobMachine(): string {
  const steps = machineSteps();
  checkArrows(steps);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">`,
    "<title>The life of a job: seven states and the events between them</title>",
    `<style>${STYLE}</style>`,
    `<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" ` +
    `orient="auto"><path class="head" d="M0 0 10 5 0 10z"/></marker>`,
    ...FRAMES.map(drawFrame),
    ...ARROWS.map((each) => drawArrow(each, steps)),
    '<circle class="start" cx="20" cy="148" r="7"/>',
    ...JOB_STATES.map(drawState),
    `<text class="note" x="64" y="566">An arrow from a dashed frame holds for every state in it. ` +
    `[in brackets]: the condition.</text>`,
    "</svg>",
  ];
  return parts.join("\n") + "\n";
}

/** Every step of the machine, each once, as XState itself answers. */
function machineSteps(): Step[] {
  const table = walkMachine();
  const steps: Step[] = [{ from: START, event: "ENQUEUE", to: INITIAL_STATE, if: null }];
  for (const from of JOB_STATES) {
    for (const event of JOB_EVENTS) {
      const group = table.get(from)?.get(event);
      const targets = new Set(group?.cells.flatMap((cell) => cell ? [cell.to] : []));
      for (const to of targets) {
        steps.push({ from, event, to, if: targets.size > 1 ? conditionOf(from, event, to) : null });
      }
    }
  }
  return steps;
}

/** The guard of the branch that leads to `to`; the last branch has none. */
function conditionOf(from: JobState, event: (typeof JOB_EVENTS)[number], to: JobState): string {
  const branches = jobMachine.states[from]?.transitions.get(event) ?? [];
  const branch = branches.find(({ target }) => target?.[0]?.key === to);
  const guard = branch?.guard;
  if (guard === undefined) return "otherwise";
  const condition = typeof guard === "string" ? CONDITIONS[guard] : undefined;
  if (!condition) throw new Error(`Cannot draw "${from} ${event}": its guard has no words`);
  return condition;
}

function checkArrows(steps: readonly Step[]): void {
  const drawn = ARROWS.flatMap(stepNames);
  const taken = steps.map(({ from, event, to }) => `${from} ${event} ${to}`);
  const missing = taken.filter((name) => !drawn.includes(name));
  const wrong = drawn.filter((name) => !taken.includes(name));
  if (missing.length + wrong.length > 0) {
    throw new Error(`Picture and machine differ: not drawn [${missing}], not taken [${wrong}]`);
  }
}

function stepNames({ from, events, to }: Arrow): string[] {
  return from.flatMap((state) => events.map((event) => `${state} ${event} ${to}`));
}

function drawState(state: JobState): string {
  const { x, y, width, height } = BOXES[state];
  const kind = WAITING.includes(state) ? "waiting" : state;
  const about = jobMachine.states[state]?.description ?? "";
  return `<g class="state ${kind}" data-state="${state}"><title>${about}</title>` +
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="10"/>` +
    `<text class="name" x="${x + width / 2}" y="${y + height / 2 + 5}" text-anchor="middle">` +
    `${state}</text></g>`;
}

function drawFrame({ x, y, width, height, title }: (typeof FRAMES)[number]): string {
  const frame =
    `<rect class="frame" x="${x}" y="${y}" width="${width}" height="${height}" rx="16"/>`;
  return title === ""
    ? frame
    : `${frame}<text class="note" x="${x + 14}" y="${y + 22}">${title}</text>`;
}

function drawArrow(arrow: Arrow, steps: readonly Step[]): string {
  const { path, label, anchor, turn } = arrow;
  const d = path.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join(" ");
  const texts = arrow.events.map((event, index) => {
    const y = label.y + index * 26;
    const place = `x="${label.x}" y="${y}" text-anchor="${anchor}"`;
    const turned = turn === undefined ? "" : ` transform="rotate(${turn} ${label.x} ${y})"`;
    const condition = steps.find((step) =>
      arrow.from.includes(step.from) && step.event === event && step.to === arrow.to
    )?.if;
    const rest = condition ? ` <tspan class="if">[${condition}]</tspan>` : "";
    return `<text class="event" ${place}${turned}>${event}${rest}</text>`;
  });
  return `<g data-transitions="${stepNames(arrow).join("; ")}">` +
    `<path class="line" d="${d}" marker-end="url(#head)"/>${texts.join("")}</g>`;
}

function arrow(
  from: string | readonly string[],
  to: JobState,
  events: readonly string[],
  path: readonly Point[],
  label: Point,
  anchor: Arrow["anchor"] = "middle",
  turn?: number,
): Arrow {
  const sources = typeof from === "string" ? [from] : from;
  return {
    from: sources,
    to,
    events,
    path,
    label,
    anchor,
    ...(turn === undefined ? {} : { turn }),
  };
}

/** Points from x, y, x, y, … */
function at(...numbers: readonly number[]): Point[] {
  return Array.from({ length: numbers.length / 2 }, (_, index) => {
    return { x: numbers[2 * index] ?? 0, y: numbers[2 * index + 1] ?? 0 };
  });
}

/** The picture as `deno fmt` leaves it: what is in the file. */
export async function formattedDiagram(): Promise<string> {
  const args = ["fmt", "--ext=svg", "-"];
  const command = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped" });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(drawJobMachine()));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("deno fmt does not take the picture");
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL(`../${DIAGRAM}`, import.meta.url), await formattedDiagram());
}
