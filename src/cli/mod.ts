/**
 * The command line: one file per command.
 *
 * Exit codes: 0 done; 1 failed, or a job that was waited for did not succeed; 2 wrong use or settings;
 * 3 refused (no such job, wrong input, an event that the state does not accept). Each failure is one
 * line on standard error, wrong use with the usage.
 */
import { Argument, Command, CommanderError } from "commander";
import { EmbeddedError } from "../embedded/errors.ts";
import { PerduraError, UnavailableError } from "../core/errors.ts";
import { SCOPES } from "../core/access.ts";
import { limits } from "../core/limits.ts";
import { VERSION } from "../core/version.ts";
import { MigrationError } from "../store/migrate.ts";
import { OVERLAP_MS_MAX } from "../runtime/keys.ts";
import { runApi } from "./api.ts";
import * as form from "./arguments.ts";
import { completionsOf, SHELLS } from "./completions.ts";
import { addBatches, NotReachedError } from "./batches.ts";
import { runBackupCheck, runDoctor, UnwellError } from "./doctor/mod.ts";
import { diagram } from "./diagram.ts";
import {
  cancel,
  enqueue,
  explainJob,
  listJobs,
  NotSucceededError,
  rerun,
  retry,
  runSweep,
  showEvents,
  showJob,
} from "./jobs.ts";
import { createKey, listKeys, revokeKey, rotateKey } from "./keys.ts";
import { configureLogging } from "./logging.ts";
import { checkAgainstActors } from "./machine_check.ts";
import { lintMachines } from "./machines.ts";
import { runMigrate } from "./migrate.ts";
import { loadModules } from "./own_modules.ts";
import { addOperations, NotDoneError } from "./operations.ts";
import { print } from "./output.ts";
import { addQueues } from "./queues.ts";
import { readSettings, type Settings, SettingsError } from "./settings.ts";
import { addSchedules } from "./schedules.ts";
import { ListenError } from "./listening.ts";
import { runSetup } from "./setup.ts";
import { runStart } from "./start.ts";
import { surviveStrayErrors } from "./stray_errors.ts";
import { tail } from "./tail.ts";
import { runTop } from "./top.ts";
import { runWorker } from "./worker.ts";

const USAGE =
  "usage: perdura start | api | worker | migrate | enqueue | jobs | … (--help says more)";

/** Runs the command of `args`; gives the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // Expected failures are one line; anything else is a defect, with its trace.
    const isExpected = expected.some((kind) => error instanceof kind);
    const text = isExpected && error instanceof Error ? error.message : Deno.inspect(error);
    await Deno.stderr.write(new TextEncoder().encode(`perdura: ${text}\n`));
    if (error instanceof SettingsError) return 2;
    return error instanceof PerduraError && !(error instanceof UnavailableError) ? 3 : 1;
  }
}

const expected = [
  SettingsError,
  EmbeddedError,
  MigrationError,
  PerduraError,
  ListenError,
  NotSucceededError,
  NotDoneError,
  NotReachedError,
  UnwellError,
];

/** All commands. */
function program(): Command {
  const root = new Command("perdura")
    .description("Durable jobs and workflows on Postgres")
    .version(VERSION, "--version", "print the version")
    .showHelpAfterError(USAGE)
    .configureOutput({ outputError: (text, write) => write(`${oneLine(text)}\n`) })
    .exitOverride();
  addServices(root);
  addJobs(root);
  addQueues(root, command, withSettings);
  addKeys(root);
  addMachines(root);
  addSchedules(root, command, withSettings);
  addOperations(root, command, withSettings);
  addBatches(root, command, withSettings);
  command(root, "diagram", "A statechart as SVG").argument("[machine]", "its name", "job")
    .action((machine: string) => withSettings((s) => diagram(s, machine)));
  command(root, "completions", "Completions for a shell")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => print(completionsOf(root, shell)));
  return root;
}

function addServices(root: Command): void {
  command(root, "start", "API and worker, on the embedded Postgres unless DATABASE_URL is set")
    .action(() => withSettings(runStart));
  command(root, "api", "The HTTP API alone").action(() => withSettings(runApi));
  command(root, "worker", "A worker alone")
    .option("--with-parent", "stop when standard input ends")
    .action((options: { withParent?: boolean }) =>
      withSettings((s) => runWorker(s, { withParent: options.withParent ?? false }))
    );
  command(root, "migrate", "Bring the schema up to date")
    .option("--plan", "print the SQL and change nothing")
    .action((options: { plan?: boolean }) =>
      withSettings((s) => runMigrate(s, options.plan ?? false))
    );
  command(root, "setup", "Bring the schema up to date, and make a platform key if there is none")
    .action(() => withSettings(runSetup));
  command(root, "doctor", "Look for what is wrong, and say what to do").option("--json", "as JSON")
    .action((options) => withSettings((s) => runDoctor(s, options)));
  command(root, "backup-check", "Whether a restored copy could be gone on from").argument(
    "<url>",
    "the address of the copy",
    form.databaseUrl,
  )
    .option("--json", "as JSON")
    .action((url, options) => withSettings((s) => runBackupCheck(s, url, options)));
  command(root, "top", "Watch queues and rates").option("--once", "one look, and the end")
    .action((options) => withSettings((s) => runTop(s, options)));
  command(root, "sweep", "Recover what died, now").option("--json", "as JSON")
    .action((options) => withSettings((s) => runSweep(s, options)));
}

function addJobs(root: Command): void {
  command(root, "enqueue", "Store a job").argument("<type>")
    .option("--payload <json>", "its input", form.json)
    .option("--tenant <id>").option("--queue <name>")
    .option("--delay <ms>", "not before", form.delay)
    .option("--priority <n>", "lower goes first", form.whole(-32768, 32767))
    .option("--key <text>", "idempotency key")
    .option("--wait <seconds>", "for its end; exit 1 unless it succeeds", form.whole(0, 86_400))
    .option("--json", "the whole job")
    .action((type, options) => withSettings((s) => enqueue(s, type, options)));
  command(root, "jobs", "List jobs, newest first")
    .option("--tenant <id>").option("--state <names>", "separated by commas", form.states)
    .option("--type <name>").option("--queue <name>")
    .option("--query <text>", "as in GET /jobs?q=")
    .option("--limit <n>", "rows", form.rows, limits.pageDefault)
    .option("--json", "as JSON")
    .action((options) => withSettings((s) => listJobs(s, options)));
  command(root, "show", "One job, as JSON").argument("<id>", "its id", form.id).option(
    "--json",
    "always the case",
  )
    .action((id) => withSettings((s) => showJob(s, id)));
  command(root, "explain", "Why a job does not run").argument("<id>", "its id", form.id)
    .option("--json", "as JSON")
    .action((id, options) => withSettings((s) => explainJob(s, id, options)));
  command(root, "events", "The history of a job").argument("<id>", "its id", form.id).option(
    "--json",
    "as JSON",
  )
    .action((id, options) => withSettings((s) => showEvents(s, id, options)));
  command(root, "tail", "Follow a job to its end, or all new ones").argument(
    "[id]",
    "its id",
    form.id,
  )
    .option("--tenant <id>").option("--actor <id>", "an actor instead of a job")
    .option("--json", "one JSON text per line")
    .action((id, options) => withSettings((s) => tail(s, id, options)));
  command(root, "retry", "Bring an ended job back, or start a waiting one now")
    .argument("<id>", "its id", form.id).option("--json", "as JSON")
    .action((id, options) => withSettings((s) => retry(s, id, options)));
  command(root, "rerun", "The same work once more, as a new job").argument(
    "<id>",
    "its id",
    form.id,
  ).option(
    "--json",
    "as JSON",
  )
    .action((id, options) => withSettings((s) => rerun(s, id, options)));
  command(root, "cancel", "Cancel a job").argument("<id>", "its id", form.id).option(
    "--reason <text>",
  )
    .option("--json", "as JSON")
    .action((id, options) => withSettings((s) => cancel(s, id, options)));
}

function addKeys(root: Command): void {
  const keys = command(root, "keys", "API keys: create, list, rotate, revoke");
  command(keys, "create", "Make a key and print it, once")
    .option("--name <text>", "for people", "unnamed").option("--tenant <id>", "else: platform")
    .option("--scopes <names>", SCOPES.join(","), form.scopes, form.scopes("platform"))
    .option("--expires <instant>", "else: never", form.instant)
    .option("--if-none", "a platform key, unless there is one")
    .action((options) => withSettings((s) => createKey(s, options)));
  command(keys, "list", "All keys").option("--json", "as JSON")
    .action((options) => withSettings((s) => listKeys(s, options)));
  command(keys, "rotate", "Make a key in the place of another").argument("<id>", "its id", form.id)
    .option("--overlap <ms>", "how long the old one is still good", form.whole(0, OVERLAP_MS_MAX))
    .action((id, options) => withSettings((s) => rotateKey(s, id, options)));
  command(keys, "revoke", "Refuse a key from now on").argument("<id>", "its id", form.id)
    .action((id) => withSettings((s) => revokeKey(s, id)));
}

function addMachines(root: Command): void {
  const machines = command(root, "machines", "Statecharts: lint, check");
  command(machines, "check", "Whether a changed chart would strand an actor of the database")
    .argument("[files...]", "modules that export what is to be deployed; default: our own machines")
    .option("--json", "as JSON")
    .action((files: string[], options) =>
      withSettings((s) => checkAgainstActors(s, files, options))
    );
  command(machines, "lint", "What is wrong with the machines of some modules, or looks so")
    .argument("[files...]", "modules that export machines; all of machines/ by default")
    .option("--json", "as JSON")
    .action((files: string[], options) => lintMachines(files, options));
}

/** A command whose mistakes are one line, and the line of its own usage. */
function command(parent: Command, name: string, about: string): Command {
  const made = parent.command(name).description(about).exitOverride().showHelpAfterError(false);
  return made.configureOutput({
    outputError: (text, write) => {
      write(`${oneLine(text)}\nusage: ${made.createHelp().commandUsage(made)}\n`);
    },
  });
}

function oneLine(text: string): string {
  return text.trimEnd().replaceAll(/\s*\n\s*/g, " ");
}

async function withSettings(run: (settings: Settings) => Promise<void>): Promise<void> {
  const settings = readSettings(Deno.env.toObject());
  await configureLogging(settings.LOG_LEVEL);
  surviveStrayErrors();
  const files = settings.PERDURA_MODULES;
  await run(files ? { ...settings, own: await loadModules(files) } : settings);
}
