/** `operations list show stop resume`, and one for each action. */
import type { Command } from "commander";
import { limits } from "../../core/limits.ts";
import type { OperationAction } from "../../core/operation.ts";
import * as form from "../arguments.ts";
import { by, command } from "./command.ts";

const run = by(() => import("../operations.ts"));

/** What an action is called here, and does. */
const actions: Readonly<Record<OperationAction, readonly [name: string, about: string]>> = {
  requeue: ["requeue", "Bring dead letters back"],
  retry: [
    "retry-failed",
    "Bring back what failed: dead letters, and what waits for its next attempt",
  ],
  cancel: ["cancel", "Cancel jobs"],
  reschedule: ["reschedule", "Give waiting jobs another time"],
  delete: ["delete", "Delete jobs that have ended"],
};

/** Adds the commands to a program. */
export function addOperations(root: Command): void {
  const group = command(root, "operations", "Many jobs at once: requeue, cancel, list, stop, more");
  command(group, "list", "Newest first").option("--tenant <id>", "else: of all")
    .option("--limit <n>", "rows", form.rows, limits.pageDefault).option("--json", "as JSON")
    .action((options) => run((code, s) => code.listOperations(s, options)));
  command(group, "show", "One operation, and what became of its jobs")
    .argument("<id>", "its id", form.id)
    .option("--items <n>", "jobs to show", form.rows, limits.pageDefault)
    .option("--json", "as JSON")
    .action((id, options) => run((code, s) => code.showOperation(s, id, options)));
  for (const verb of ["stop", "resume"] as const) {
    const what = verb === "stop" ? "Begin no other part" : "Go on where it was stopped";
    command(group, verb, what).argument("<id>", "its id", form.id).option("--json", "as JSON")
      .action((id, options) => run((code, s) => code.controlOperation(s, verb, id, options)));
  }
  addStart(group, "requeue");
  addStart(group, "retry");
  addStart(group, "cancel");
  addStart(group, "reschedule")
    .option("--run-at <instant>", "the new time", form.instant);
  addStart(group, "delete");
}

function addStart(group: Command, action: OperationAction): Command {
  const [name, about] = actions[action];
  return command(group, name, about)
    .option("--dry-run", "say how many, show some, do nothing")
    .option("--tenant <id>").option("--type <name>").option("--queue <name>")
    .option("--state <names>", "separated by commas", form.states).option("--tag <text>")
    .option("--from <instant>", "ended or failed since", form.instant)
    .option("--to <instant>", "ended or failed until", form.instant)
    .option("--ids <ids>", "separated by commas", form.ids)
    .option("--fingerprint <text>", "of the error").option("--error <text>", "part of its message")
    .option("--query <text>", "as in GET /jobs?q=")
    .option("--rate <n>", "jobs in a second", form.whole(1, limits.ratePerSecondMax))
    .option("--no-wait", "leave it to the workers").option("--json", "as JSON")
    .action((options) => run((code, s) => code.beginOperation(s, action, options)));
}
