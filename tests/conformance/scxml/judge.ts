/** Both runs of one case. */
import type { Case } from "./cases.ts";
import { convertScxml } from "./convert.ts";
import { follow, runDurable, runLive } from "./run.ts";

/** What became of a case; of one that passes, nothing. */
export interface Verdict {
  readonly name: string;
  readonly live: string | undefined;
  readonly durable: string | undefined;
  /** Macrosteps of the durable run. */
  readonly steps: number;
}

/** Runs a case live and durably, under the same check. */
export function judge({ name, xml, script, read }: Case): Verdict {
  let steps = 0;
  // Each run has a machine of its own: what one leaves in it cannot help the other.
  const live = failureOf(() => {
    const machine = convertScxml(xml, read);
    follow(machine, script, runLive(machine));
  });
  const durable = failureOf(() => {
    const machine = convertScxml(xml, read);
    const runner = runDurable(machine);
    try {
      follow(machine, script, runner);
    } finally {
      steps = runner.world.steps;
    }
  });
  return { name, live, durable, steps };
}

function failureOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return String(error instanceof Error ? error.message : error).split("\n")[0]?.slice(0, 160) ??
      "";
  }
}
