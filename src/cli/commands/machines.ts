/** `machines check lint`. */
import type { Command } from "commander";
import { by, command } from "./command.ts";

const check = by(() => import("../machine_check.ts"));

/** Adds the commands to a program. */
export function addMachines(root: Command): void {
  const machines = command(root, "machines", "Statecharts: lint, check");
  command(machines, "check", "Whether a changed chart would strand an actor of the database")
    .argument("[files...]", "modules that export what is to be deployed; default: our own machines")
    .option("--json", "as JSON")
    .action((files: string[], options) =>
      check((code, s) => code.checkAgainstActors(s, files, options))
    );
  command(machines, "lint", "What is wrong with the machines of some modules, or looks so")
    .argument("[files...]", "modules that export machines; all of machines/ by default")
    .option("--json", "as JSON")
    .action(async (files: string[], options) => {
      // Of no settings: it looks at files alone.
      const { lintMachines } = await import("../machines.ts");
      await lintMachines(files, options);
    });
}
