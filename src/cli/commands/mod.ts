/** All commands: their names, arguments and options, a file for what belongs together. */
import { Argument, Command } from "commander";
import { VERSION } from "../../core/version.ts";
import { completionsOf, SHELLS } from "../completions.ts";
import { print } from "../output.ts";
import { addBatches } from "./batches.ts";
import { by, command, oneLine } from "./command.ts";
import { addJobs } from "./jobs.ts";
import { addKeys } from "./keys.ts";
import { addMachines } from "./machines.ts";
import { addOperations } from "./operations.ts";
import { addQueues } from "./queues.ts";
import { addSchedules } from "./schedules.ts";
import { addServices } from "./services.ts";

const USAGE =
  "usage: perdura start | api | worker | migrate | enqueue | jobs | … (--help says more)";

/** The program, to be told its arguments. */
export function program(): Command {
  const root = new Command("perdura")
    .description("Durable jobs and workflows on Postgres")
    .version(VERSION, "--version", "print the version")
    .showHelpAfterError(USAGE)
    .configureOutput({ outputError: (text, write) => write(`${oneLine(text)}\n`) })
    .exitOverride();
  addServices(root);
  addJobs(root);
  addQueues(root);
  addKeys(root);
  addMachines(root);
  addSchedules(root);
  addOperations(root);
  addBatches(root);
  addDiagram(root);
  addCompletions(root);
  return root;
}

function addDiagram(root: Command): void {
  const run = by(() => import("../diagram.ts"));
  command(root, "diagram", "A statechart as SVG").argument("[machine]", "its name", "job")
    .action((machine: string) => run((code, s) => code.diagram(s, machine)));
}

function addCompletions(root: Command): void {
  command(root, "completions", "Completions for a shell")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => print(completionsOf(root, shell)));
}
