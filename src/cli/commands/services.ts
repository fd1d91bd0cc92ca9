/** `start api worker migrate setup doctor backup-check top sweep`. */
import type { Command } from "commander";
import { by, command } from "./command.ts";

/** Adds the commands to a program. */
export function addServices(root: Command): void {
  addRunning(root);
  addSchema(root);
  addLooking(root);
}

function addRunning(root: Command): void {
  const start = by(() => import("../start.ts"));
  const api = by(() => import("../api.ts"));
  const worker = by(() => import("../worker.ts"));
  command(root, "start", "API and worker, on the embedded Postgres unless DATABASE_URL is set")
    .action(() => start((code, s) => code.runStart(s)));
  command(root, "api", "The HTTP API alone").action(() => api((code, s) => code.runApi(s)));
  command(root, "worker", "A worker alone")
    .option("--with-parent", "stop when standard input ends")
    .action((options: { withParent?: boolean }) =>
      worker((code, s) => code.runWorker(s, { withParent: options.withParent ?? false }))
    );
}

function addSchema(root: Command): void {
  const migrate = by(() => import("../migrate.ts"));
  const setup = by(() => import("../setup.ts"));
  command(root, "migrate", "Bring the schema up to date")
    .option("--plan", "print the SQL and change nothing")
    .action((options: { plan?: boolean }) =>
      migrate((code, s) => code.runMigrate(s, options.plan ?? false))
    );
  command(root, "setup", "Bring the schema up to date, and make a platform key if there is none")
    .action(() => setup((code, s) => code.runSetup(s)));
}

function addLooking(root: Command): void {
  const doctor = by(() => import("../doctor/mod.ts"));
  const top = by(() => import("../top.ts"));
  const jobs = by(() => import("../jobs.ts"));
  command(root, "doctor", "Look for what is wrong, and say what to do").option("--json", "as JSON")
    .action((options) => doctor((code, s) => code.runDoctor(s, options)));
  command(root, "backup-check", "Whether a restored copy could be gone on from")
    .argument("<url>", "the address of the copy").option("--json", "as JSON")
    .action((url, options) => doctor((code, s) => code.runBackupCheck(s, url, options)));
  command(root, "top", "Watch queues and rates").option("--once", "one look, and the end")
    .action((options) => top((code, s) => code.runTop(s, options)));
  command(root, "sweep", "Recover what died, now").option("--json", "as JSON")
    .action((options) => jobs((code, s) => code.runSweep(s, options)));
}
