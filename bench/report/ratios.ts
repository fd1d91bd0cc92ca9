/**
 * The ratios that goals are set in: ours over theirs within one round, the median over the rounds.
 *
 * Above 1 is always better for us: where less is better (CPU, WAL, latency) it is theirs over ours.
 */
import { type Cell, median, round } from "../cells/measurement.ts";

type Figure = (cell: Cell) => number | undefined;

interface Ratio {
  readonly key: string;
  readonly workload: string;
  readonly ours: string;
  /** The best of these, as `of` has it. */
  readonly theirs: readonly string[];
  readonly of: Figure;
  readonly isLessBetter?: boolean;
}

const value: Figure = (cell) => cell.value;

function faster(key: string, workload: string, theirs: string[], ours = "perdura"): Ratio {
  return { key, workload, ours, theirs, of: value };
}

function cheaper(key: string, workload: string, theirs: string[], of: Figure): Ratio {
  return { key, workload, ours: "perdura", theirs, of, isLessBetter: true };
}

function sooner(key: string, peer: string, ours: string): Ratio {
  return { key, workload: "workflow-latency", ours, theirs: [peer], of: value, isLessBetter: true };
}

const GRAPHILE = ["graphile-fastest"];
const PEERS = ["dbos", "absurd", "openworkflow"];
/** With whatever number at once is faster for it. */
const WORKFLOWS = PEERS.flatMap((peer) => [peer, `${peer}-400`]);

const ratios: readonly Ratio[] = [
  faster("drain/graphile-fastest", "drain", GRAPHILE),
  faster("drain/graphile-two", "drain", ["graphile-two"]),
  faster("drain/graphile-24", "drain", ["graphile-24"]),
  faster("drain/graphile-default", "drain", ["graphile-default"]),
  faster("drain/pgboss", "drain", ["pgboss"]),
  faster("drain/bullmq", "drain", ["bullmq"]),
  faster("drain/bullmq-durable", "drain", ["bullmq-durable"]),
  faster("drain/ceiling", "drain", ["ceiling"]),
  cheaper("pgcpu/graphile", "drain", GRAPHILE, (cell) => cell.databaseUs),
  cheaper("wal/graphile", "drain", GRAPHILE, (cell) => cell.walBytes),
  faster("bulk/ceiling", "bulk", ["ceiling"]),
  faster("enqueue32/ceiling", "enqueue32", ["ceiling"]),
  cheaper("latency/ceiling", "latency", ["ceiling"], value),
  faster("bulk/best-peer", "bulk", ["graphile-fastest", "pgboss", "bullmq"]),
  faster("enqueue32/bullmq", "enqueue32", ["bullmq"]),
  faster("enqueue32/best-postgres-peer", "enqueue32", [
    "graphile-fastest",
    "pgboss",
    "openworkflow",
    "absurd",
    "dbos",
  ]),
  cheaper("latency/graphile", "latency", ["graphile-24"], value),
  cheaper("latency/bullmq", "latency", ["bullmq"], value),
  cheaper("latency-in-process/graphile", "latency-in-process", ["graphile-24"], value),
  cheaper("latency-in-process/bullmq", "latency-in-process", ["bullmq"], value),
  // From here on ours under a condition over ours without it.
  faster("processes2", "scale", ["perdura"], "processes2"),
  faster("workers4sleep", "sleep", ["perdura-1"], "perdura-4"),
  faster("waiting1m", "scale", ["perdura"], "waiting1m"),
  faster("finished10m", "scale", ["perdura"], "finished10m"),
  faster("held", "scale", ["perdura"], "held"),
  faster("tenants1000", "scale", ["perdura"], "tenants1000"),
  // Work that remembers its steps is what the peers have; a chart of activities is more.
  faster("workflow/best-peer", "workflows", WORKFLOWS, "perdura-workflow"),
  faster("workflow-400/best-peer", "workflows", WORKFLOWS, "perdura-workflow-400"),
  faster("workflow-actors-steps/best-peer", "workflows", WORKFLOWS, "perdura-actors-steps"),
  faster("workflow-actors-steps-400/best-peer", "workflows", WORKFLOWS, "perdura-actors-steps-400"),
  faster("workflow-actors/best-peer", "workflows", WORKFLOWS, "perdura-actors"),
  faster("workflow-actors-400/best-peer", "workflows", WORKFLOWS, "perdura-actors-400"),
  ...PEERS.flatMap((peer) => [
    sooner(`workflow-latency/${peer}`, peer, "perdura-workflow"),
    sooner(`workflow-actors-steps-latency/${peer}`, peer, "perdura-actors-steps"),
    sooner(`workflow-actors-latency/${peer}`, peer, "perdura-actors"),
  ]),
];

/** Every ratio whose both sides were measured in the same round. */
export function ratiosOf(cells: readonly Cell[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const ratio of ratios) {
    const perRound = [...new Set(cells.map((cell) => cell.round))]
      .map((n) => ratioIn(ratio, cells.filter((cell) => cell.round === n)))
      .filter((one) => one !== null);
    if (perRound.length > 0) found[ratio.key] = round(median(perRound), 3);
  }
  return found;
}

function ratioIn(ratio: Ratio, cells: readonly Cell[]): number | null {
  const numbersOf = (names: readonly string[]) =>
    cells.filter((cell) => cell.workload === ratio.workload && names.includes(cell.contestant))
      .map(ratio.of).filter((one) => one !== undefined);
  const [ours] = numbersOf([ratio.ours]);
  const theirs = numbersOf(ratio.theirs);
  if (ours === undefined || theirs.length === 0) return null;
  return ratio.isLessBetter ? Math.min(...theirs) / ours : ours / Math.max(...theirs);
}
