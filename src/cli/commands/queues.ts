/** `queues list pause resume drain` and `workers`. */
import type { Command } from "commander";
import * as form from "../arguments.ts";
import { by, command } from "./command.ts";

const run = by(() => import("../queues.ts"));

const about = {
  pause: "Start nothing of it; what runs goes on",
  resume: "Start its jobs again, and take new ones",
  drain: "Take no new jobs, and work off those it has",
} as const;

/** Adds the commands to a program. */
export function addQueues(root: Command): void {
  const group = command(root, "queues", "Queues: list, pause, resume, drain");
  command(group, "list", "By name, with their jobs per state").option("--tenant <id>")
    .option("--json", "as JSON").action((options) => run((code, s) => code.listQueues(s, options)));
  for (const verb of ["pause", "resume", "drain"] as const) {
    command(group, verb, about[verb]).argument("<name>", "of the queue", form.name)
      .option("--tenant <id>").option("--json", "as JSON")
      .action((name, options) => run((code, s) => code.holdQueue(s, verb, name, options)));
  }
  command(root, "workers", "Who works, who has fallen silent, what each takes")
    .option("--json", "as JSON")
    .action((options) => run((code, s) => code.listWorkers(s, options)));
}
