/** Ratios: within a round, the median over rounds, above 1 always in our favour. */
import { assert, assertEquals } from "@std/assert";
import { type Cell, median, percentile } from "../../bench/cells/measurement.ts";
import { slopeOf } from "../../bench/cells/slope.ts";
import { isDisturbed } from "../../bench/place/baseline.ts";
import { ratiosOf } from "../../bench/report/ratios.ts";
import { table } from "../../bench/report/table.ts";

function cell(round: number, workload: string, contestant: string, more: Partial<Cell>): Cell {
  return { round, workload, contestant, unit: "jobs/s", value: 1, jobs: 1, ...more };
}

Deno.test("a ratio compares the same round and takes the median", () => {
  const speeds: [number, number][] = [[30, 10], [100, 50], [8, 1]];
  const cells = speeds.flatMap(([ours, theirs], round) => [
    cell(round, "drain", "perdura", { value: ours }),
    cell(round, "drain", "graphile-fastest", { value: theirs }),
  ]);
  assertEquals(ratiosOf(cells)["drain/graphile-fastest"], 3);
});

Deno.test("of several peers the best counts", () => {
  const cells = [
    cell(1, "bulk", "perdura", { value: 100 }),
    cell(1, "bulk", "graphile-fastest", { value: 20 }),
    cell(1, "bulk", "pgboss", { value: 50 }),
  ];
  assertEquals(ratiosOf(cells)["bulk/best-peer"], 2);
});

Deno.test("where less is better the ratio is turned round", () => {
  const cells = [
    cell(1, "drain", "perdura", { value: 10, databaseUs: 20, walBytes: 500 }),
    cell(1, "drain", "graphile-fastest", { value: 10, databaseUs: 30, walBytes: 1000 }),
    cell(1, "latency", "perdura", { unit: "ms", value: 2 }),
    cell(1, "latency", "bullmq", { unit: "ms", value: 1 }),
  ];
  const found = ratiosOf(cells);
  assertEquals(found["pgcpu/graphile"], 1.5);
  assertEquals(found["wal/graphile"], 2);
  assertEquals(found["latency/bullmq"], 0.5);
});

Deno.test("what was not measured has no ratio", () => {
  const cells = [
    cell(1, "drain", "perdura", {}),
    cell(2, "drain", "pgboss", {}),
    cell(1, "latency", "graphile-24", { unit: "ms" }),
  ];
  assertEquals(ratiosOf(cells), {});
});

Deno.test("the median is the lower one, percentiles are samples", () => {
  assertEquals(median([4, 1, 3, 2]), 2);
  assertEquals(percentile([5, 1, 9], 0.5), 5);
  assertEquals(percentile([5, 1, 9], 0.99), 9);
});

Deno.test("a run is disturbed when a baseline moved by more than 30 % either way", () => {
  const base = { commits1: 1000, commits32: 10_000 };
  assertEquals(isDisturbed(base, { commits1: 1290, commits32: 7800 }), false);
  assertEquals(isDisturbed(base, { commits1: 1000, commits32: 7600 }), true);
  assertEquals(isDisturbed(base, { commits1: 1310, commits32: 10_000 }), true);
});

Deno.test("a table leaves out what nobody has", () => {
  const rows = [["a", "", "1"], ["b", "", ""]];
  assertEquals(
    table(["who", "WAL", "ms"], rows),
    "| who | ms |\n| --- | --- |\n| a | 1 |\n| b |  |",
  );
});

Deno.test("a slope is told from zero by its own noise", () => {
  const ages = (grown: (k: number) => number) =>
    Array.from({ length: 10 }, (_, k) => ({
      upTo: 1_000 * (k + 1),
      oldMs: grown(k) + (k % 2 === 0 ? 0.1 : -0.1),
      freshMs: 1,
    }));
  assertEquals(slopeOf(ages(() => 1)).isFlat, true);
  const grows = slopeOf(ages((k) => 1 + k));
  assertEquals(grows.isFlat, false);
  assert(Math.abs(grows.per1000 - 1) <= grows.error, String(grows.per1000));
});
