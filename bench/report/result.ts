/** All that a run found out: what `--json` prints. */
import type { Cell } from "../cells/measurement.ts";
import type { Slope } from "../cells/slope.ts";
import type { Baseline } from "../place/baseline.ts";
import type { Machine } from "../place/machine.ts";

/** A cell that could not be measured, and why. */
export interface Failure {
  readonly workload: string;
  readonly contestant: string;
  readonly round: number;
  readonly reason: string;
}

/** The result of a run. */
export interface Result {
  readonly mode: "quick" | "full";
  readonly at: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly machine: Machine;
  readonly postgres: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  /** Settings of everybody who took part. */
  readonly settings: Readonly<Record<string, string>>;
  /** What quick runs do in a smaller size than the name says. */
  readonly smaller: Readonly<Record<string, string>>;
  readonly baseline: { readonly first: Baseline; readonly last: Baseline };
  /** First and last baseline differ by more than 30 %: something else used the machine. */
  readonly isDisturbed: boolean;
  /** Left out, and why. */
  readonly missing: Readonly<Record<string, string>>;
  readonly failures: readonly Failure[];
  /** Workload, contestant and round of cells for which a quick run had no time. */
  readonly cut: readonly string[];
  readonly ratios: Readonly<Record<string, number>>;
  /** Null: not asked for. */
  readonly slope: Slope | null;
  readonly cells: readonly Cell[];
}
