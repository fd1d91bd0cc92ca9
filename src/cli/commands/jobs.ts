/** `enqueue jobs show explain events tail retry rerun cancel`. */
import type { Command } from "commander";
import { limits } from "../../core/limits.ts";
import * as form from "../arguments.ts";
import { by, command } from "./command.ts";

const run = by(() => import("../jobs.ts"));
const follow = by(() => import("../tail.ts"));

/** Adds the commands to a program. */
export function addJobs(root: Command): void {
  addStoring(root);
  addReading(root);
  addChanging(root);
}

function addStoring(root: Command): void {
  command(root, "enqueue", "Store a job").argument("<type>")
    .option("--payload <json>", "its input", form.json)
    .option("--tenant <id>").option("--queue <name>")
    .option("--delay <ms>", "not before", form.delay)
    .option("--priority <n>", "lower goes first", form.whole(-32768, 32767))
    .option("--key <text>", "idempotency key")
    .option("--wait <seconds>", "for its end; exit 1 unless it succeeds", form.whole(0, 86_400))
    .option("--json", "the whole job")
    .action((type, options) => run((code, s) => code.enqueue(s, type, options)));
}

function addReading(root: Command): void {
  command(root, "jobs", "List jobs, newest first")
    .option("--tenant <id>").option("--state <names>", "separated by commas", form.states)
    .option("--type <name>").option("--queue <name>")
    .option("--query <text>", "as in GET /jobs?q=")
    .option("--limit <n>", "rows", form.rows, limits.pageDefault)
    .option("--json", "as JSON")
    .action((options) => run((code, s) => code.listJobs(s, options)));
  one(root, "show", "One job, as JSON").option("--json", "always the case")
    .action((id) => run((code, s) => code.showJob(s, id)));
  one(root, "explain", "Why a job does not run").option("--json", "as JSON")
    .action((id, options) => run((code, s) => code.explainJob(s, id, options)));
  one(root, "events", "The history of a job").option("--json", "as JSON")
    .action((id, options) => run((code, s) => code.showEvents(s, id, options)));
  command(root, "tail", "Follow a job to its end, or all new ones")
    .argument("[id]", "its id", form.id)
    .option("--tenant <id>").option("--actor <id>", "an actor instead of a job")
    .option("--json", "one JSON text per line")
    .action((id, options) => follow((code, s) => code.tail(s, id, options)));
}

function addChanging(root: Command): void {
  one(root, "retry", "Bring an ended job back, or start a waiting one now")
    .option("--json", "as JSON")
    .action((id, options) => run((code, s) => code.retry(s, id, options)));
  one(root, "rerun", "The same work once more, as a new job").option("--json", "as JSON")
    .action((id, options) => run((code, s) => code.rerun(s, id, options)));
  one(root, "cancel", "Cancel a job").option("--reason <text>").option("--json", "as JSON")
    .action((id, options) => run((code, s) => code.cancel(s, id, options)));
}

function one(root: Command, name: string, about: string): Command {
  return command(root, name, about).argument("<id>", "its id", form.id);
}
