/** The result as tables. */
import type { Workload } from "../cells/workloads.ts";
import { type Cell, median } from "../cells/measurement.ts";
import type { Result } from "./result.ts";
import { ageingOf } from "./ageing.ts";
import { table } from "./table.ts";

/** The whole report. */
export function markdownOf(result: Result, workloads: readonly Workload[]): string {
  return [
    heading(result),
    ...ratiosOf(result),
    ...workloads.map((workload) => section(result, workload)).filter((text) => text !== ""),
    ...(result.slope ? [ageingOf(result.slope)] : []),
    notes(result),
  ].join("\n\n");
}

function ratiosOf({ ratios }: Result): string[] {
  const rows = Object.entries(ratios).map(([key, n]) => [key, n.toFixed(2)]);
  return rows.length === 0 ? [] : [table(["ratio", "median"], rows)];
}

function heading({ mode, machine, postgres, baseline, isDisturbed, versions, ...rest }: Result) {
  const { first, last } = baseline;
  const settings = Object.entries(postgres).map(([name, value]) => `${name} ${value}`);
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `# Benchmark, ${mode}, ${rest.rounds} rounds, ${Math.round(rest.seconds)} s, ${rest.at}`,
    "",
    ...(isDisturbed
      ? [
        "**Disturbed: the first and the last baseline differ by more than 30 %.**",
        "",
      ]
      : []),
    `- Machine: ${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, ${machine.kernel}, ` +
    `${machine.filesystem}; Deno ${machine.deno}, Node ${machine.node ?? "none"} for the peers`,
    `- PostgreSQL: ${settings.join(", ")}`,
    `- Versions: ${peers.join(", ")}`,
    `- Baseline, single-row commits per second like pgbench's, first → last: 1 client ` +
    `${first.commits1} → ${last.commits1}; 32 clients ${first.commits32} → ${last.commits32}`,
  ].join("\n");
}

function section({ cells, baseline, smaller }: Result, workload: Workload): string {
  const own = cells.filter((cell) => cell.workload === workload.name);
  if (own.length === 0) return "";
  const names = workload.entries.map(({ name }) => name)
    .filter((name) => own.some((cell) => cell.contestant === name));
  const [unit] = own.map((cell) => cell.unit);
  const rows = names.map((name) => rowOf(own, name, names[0] ?? ""));
  const commits = grouped(Math.min(baseline.first.commits32, baseline.last.commits32));
  const most = grouped(Math.max(baseline.first.commits32, baseline.last.commits32));
  const beside = unit === "ms" ? [] : [["_single-row commits_", `${commits} (${most})`]];
  return [
    `## ${workload.name}: ${workload.title}`,
    "",
    ...(smaller[workload.name] ? [`Smaller in a quick run: ${smaller[workload.name]}.`, ""] : []),
    table(
      [
        "who",
        `${unit}, median (${unit === "ms" ? "least" : "most"})`,
        `÷ ${names[0]}`,
        "database µs",
        "worker µs",
        "WAL B",
        "p50 / p95 / p99 ms",
        "jobs",
      ],
      [...rows, ...beside],
    ),
  ].join("\n");
}

function rowOf(cells: readonly Cell[], name: string, base: string): string[] {
  const own = cells.filter((cell) => cell.contestant === name);
  const mid = (pick: (cell: Cell) => number | undefined) => {
    const numbers = own.map(pick).filter((one) => one !== undefined);
    return numbers.length === 0 ? null : median(numbers);
  };
  const value = median(own.map((cell) => cell.value));
  const values = own.map((cell) => cell.value);
  const best = own[0]?.unit === "ms" ? Math.min(...values) : Math.max(...values);
  const toBase = own.flatMap((cell) => {
    const other = cells.find((one) => one.contestant === base && one.round === cell.round);
    return other ? [cell.value / other.value] : [];
  });
  const show = (one: number | null) => one === null ? "" : grouped(one);
  const p50 = mid((cell) => cell.p50);
  return [
    name,
    `${grouped(value)} (${grouped(best)})`,
    toBase.length === 0 ? "" : median(toBase).toFixed(2),
    show(mid((cell) => cell.databaseUs)),
    show(mid((cell) => cell.workerUs)),
    show(mid((cell) => cell.walBytes)),
    p50 === null ? "" : [p50, mid((cell) => cell.p95), mid((cell) => cell.p99)].map(show).join(
      " / ",
    ),
    grouped(own[0]?.jobs ?? 0),
  ];
}

function notes({ settings, missing, failures, cut }: Result): string {
  return [
    "## Settings",
    "",
    ...Object.entries(settings).map(([name, text]) => `- ${name}: ${text}`),
    ...Object.entries(missing).map(([name, reason]) => `- **left out**: ${name}: ${reason}`),
    ...failures.map(({ workload, contestant, round, reason }) =>
      `- **failed**: ${workload}, ${contestant}, round ${round}: ${reason}`
    ),
    ...(cut.length === 0 ? [] : [`- **cut**, the time of a quick run was over: ${cut.join(", ")}`]),
  ].join("\n");
}

function grouped(value: number): string {
  return value >= 100
    ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(3)));
}
