/** `schedules list put show preview trigger pause resume remove`. */
import type { Command } from "commander";
import { limits } from "../../core/limits.ts";
import * as form from "../arguments.ts";
import { by, command } from "./command.ts";

const run = by(() => import("../schedules.ts"));

/** Adds the commands to a program. */
export function addSchedules(root: Command): void {
  const group = command(root, "schedules", "Schedules: list, put, trigger, pause and more");
  const one = (name: string, about: string) =>
    command(group, name, about).argument("<id>", "its name").option("--tenant <id>")
      .option("--json", "as JSON");
  command(group, "list", "All schedules by id").option("--tenant <id>").option("--json", "as JSON")
    .option("--limit <n>", "rows", form.rows, limits.pageDefault)
    .action((options) => run((code, s) => code.listSchedules(s, options)));
  putting(one("put", "Make a schedule, or change it"))
    .action((id, options) => run((code, s) => code.putSchedule(s, id, options)));
  one("show", "One schedule, as JSON").action((id, options) =>
    run((code, s) => code.showSchedule(s, id, null, { ...options, json: true }))
  );
  one("preview", "Its next fire times").option("--count <n>", "", form.rows, 10)
    .action((id, options) => run((code, s) => code.previewSchedule(s, id, options)));
  one("trigger", "Start a run now").action((id, options) =>
    run((code, s) => code.triggerSchedule(s, id, options))
  );
  one("pause", "Fire no more until it is resumed").action((id, options) =>
    run((code, s) => code.showSchedule(s, id, "pause", options))
  );
  one("resume", "Fire again").action((id, options) =>
    run((code, s) => code.showSchedule(s, id, "resume", options))
  );
  one("remove", "Delete a schedule; what it has started goes on").action((id, options) =>
    run((code, s) => code.removeSchedule(s, id, options))
  );
}

function putting(put: Command): Command {
  return put.option("--cron <pattern>", "five fields, or six with seconds")
    .option("--every <ms>", "instead of cron", form.delay)
    .option("--zone <name>", "IANA time zone; UTC by default")
    .option("--type <name>", "of the job to start").option("--payload <json>", "", form.json)
    .option("--machine <name>", "of the actor to start").option("--input <json>", "", form.json)
    .option("--queue <name>").option("--missed <policy>", "skip, latest or all")
    .option("--overlap <policy>", "skip, allow, cancel_previous or buffer_one")
    .option("--jitter <ms>", "spreads the starts", form.delay).option("--paused", "not yet");
}
