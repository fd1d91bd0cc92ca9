/** `batches start show cancel`. */
import type { Command } from "commander";
import * as form from "../arguments.ts";
import { by, command } from "./command.ts";

const run = by(() => import("../batches.ts"));

/** Adds the commands to a program. */
export function addBatches(root: Command): void {
  const about = "Jobs sent together, and what follows: start, show, cancel";
  const group = command(root, "batches", about);
  command(group, "start", "Store jobs, all or none, and count how they end")
    .argument("<file>", "a job of `POST /jobs` per line; -: standard input")
    .option("--id <text>", "the same again is the same batch").option("--tenant <id>")
    .option("--until <what>", "all, any, or how many successes", form.until, "all")
    .option("--stop", "the first failure is the end")
    .option("--then <job>", "the job that follows, JSON", form.json)
    .option("--wait", "for its end").option("--json", "as JSON")
    .action((file, options) => run((code, s) => code.startBatch(s, file, options)));
  command(group, "show", "How far it has come").argument("<id>").option("--json", "as JSON")
    .action((id, options) => run((code, s) => code.showBatch(s, id, options)));
  command(group, "cancel", "Cancel its jobs; nothing follows").argument("<id>")
    .option("--json", "as JSON")
    .action((id, options) => run((code, s) => code.cancelBatch(s, id, options)));
}
