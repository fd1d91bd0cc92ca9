/** The rounds: A B C, A B C, so that whatever changes on the machine changes for all. */
import { contestant } from "./cells/contestants.ts";
import type { Lab } from "./cells/lab.ts";
import type { Cell } from "./cells/measurement.ts";
import type { Entry, Workload } from "./cells/workloads.ts";
import type { Failure } from "./report/result.ts";
import { say } from "./report/say.ts";

/** What to run. */
export interface RunPlan {
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  /** Extras once, after the rounds; otherwise in every round. */
  readonly areExtrasOnce: boolean;
  /** `performance.now()` after which nothing new begins. */
  readonly deadline: number;
}

/** What came of it. */
export interface Found {
  readonly cells: readonly Cell[];
  readonly failures: readonly Failure[];
  readonly missing: Readonly<Record<string, string>>;
  /** Cells for which a quick run had no time. */
  readonly cut: readonly string[];
}

/** Runs every entry of every workload, round by round. */
export async function runRounds(lab: Lab, plan: RunPlan): Promise<Found> {
  const runner = new Runner(lab, plan.deadline);
  const isEvery = (workload: Workload) => !plan.areExtrasOnce || !workload.isExtra;
  for (let round = 1; round <= plan.rounds; round++) {
    await runner.run(round, plan.workloads.filter(isEvery));
  }
  await runner.run(1, plan.workloads.filter((workload) => !isEvery(workload)));
  return runner;
}

class Runner implements Found {
  readonly cells: Cell[] = [];
  readonly failures: Failure[] = [];
  readonly missing: Record<string, string> = {};
  readonly cut: string[] = [];
  readonly #lab: Lab;
  readonly #deadline: number;

  constructor(lab: Lab, deadline: number) {
    this.#lab = lab;
    this.#deadline = deadline;
  }

  async run(round: number, workloads: readonly Workload[]): Promise<void> {
    for (const workload of workloads) {
      for (const entry of workload.entries) {
        await this.#measure(round, workload, entry);
      }
    }
  }

  async #measure(round: number, workload: Workload, { name, who, measure }: Entry): Promise<void> {
    const obstacle = this.#lab.obstacle(contestant(who));
    if (obstacle !== null) {
      this.missing[who] = obstacle;
      return;
    }
    const place = { workload: workload.name, contestant: name, round };
    if (performance.now() > this.#deadline) {
      this.cut.push(`${workload.name}/${name}/${round}`);
      return;
    }
    const begun = performance.now();
    try {
      const cell = { ...place, ...await measure(this.#lab) };
      this.cells.push(cell);
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      say(
        `${round} ${workload.name} ${name}: ${cell.value} ${cell.unit} (${seconds} s)`,
      );
    } catch (error) {
      const reason = (error instanceof Error ? error.message : String(error))
        .slice(0, 400);
      this.failures.push({ ...place, reason });
      say(`${round} ${workload.name} ${name}: failed: ${reason}`);
    }
  }
}
