/** The command line: one file per command. Wrong use: one line, usage, exit 2. */
import { Command, CommanderError } from "commander";
import { EmbeddedError } from "../embedded/errors.ts";
import { UnavailableError } from "../core/errors.ts";
import { MigrationError } from "../store/migrate.ts";
import { runApi } from "./api.ts";
import { configureLogging } from "./logging.ts";
import { runMigrate } from "./migrate.ts";
import { readSettings, type Settings, SettingsError } from "./settings.ts";
import { ListenError } from "./service.ts";
import { runStart } from "./start.ts";
import { surviveStrayErrors } from "./stray_errors.ts";
import { runWorker } from "./worker.ts";

/** Runs the command of `args`; gives the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // Expected failures of a start are one line; anything else is a defect, with its trace.
    const isExpected = expected.some((kind) => error instanceof kind);
    const text = isExpected && error instanceof Error ? error.message : Deno.inspect(error);
    await Deno.stderr.write(new TextEncoder().encode(`perdura: ${text}\n`));
    return error instanceof SettingsError ? 2 : 1;
  }
}

const expected = [SettingsError, EmbeddedError, MigrationError, UnavailableError, ListenError];

function program(): Command {
  const root = new Command("perdura")
    .description("Durable jobs and workflows on Postgres")
    .showHelpAfterError("usage: perdura start | api | worker | migrate (--help says more)")
    .exitOverride();
  const command = (name: string, about: string) =>
    root.command(name).description(about).exitOverride();
  command("start", "API and worker, on the embedded Postgres unless DATABASE_URL is set")
    .action(() => withSettings(runStart));
  command("api", "The HTTP API alone").action(() => withSettings(runApi));
  command("worker", "A worker alone")
    .option("--with-parent", "stop when standard input ends")
    .action((options: { withParent?: boolean }) =>
      withSettings((s) => runWorker(s, { withParent: options.withParent ?? false }))
    );
  command("migrate", "Bring the schema up to date")
    .option("--plan", "print the SQL and change nothing")
    .action((options: { plan?: boolean }) =>
      withSettings((s) => runMigrate(s, options.plan ?? false))
    );
  return root;
}

async function withSettings(run: (settings: Settings) => Promise<void>): Promise<void> {
  const settings = readSettings(Deno.env.toObject());
  await configureLogging(settings.LOG_LEVEL);
  surviveStrayErrors();
  await run(settings);
}
