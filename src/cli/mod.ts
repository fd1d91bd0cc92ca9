/**
 * The command line: what may be typed is in `commands/`, what it does in one file per command.
 *
 * Exit codes: 0 done; 1 failed, or a job that was waited for did not succeed; 2 wrong use or settings;
 * 3 refused (no such job, wrong input, an event that the state does not accept); 141 without a word when
 * nobody reads on. Each other failure is one
 * line on standard error, wrong use with the usage.
 */
import { CommanderError } from "commander";
import { PerduraError, UnavailableError } from "../core/errors.ts";
import { EmbeddedError } from "../embedded/errors.ts";
import { MigrationError } from "../store/migration_error.ts";
import { program } from "./commands/mod.ts";
import { CommandError } from "./errors.ts";

/** Runs the command of `args`; gives the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // Whoever reads has read enough: `tail | head -1`.
    if (error instanceof Deno.errors.BrokenPipe) return READER_GONE;
    // Expected failures are one line; anything else is a defect, with its trace.
    const isExpected = expected.some((kind) => error instanceof kind);
    const text = isExpected && error instanceof Error ? error.message : Deno.inspect(error);
    await Deno.stderr.write(new TextEncoder().encode(`perdura: ${text}\n`));
    if (error instanceof CommandError) return error.exitCode;
    return error instanceof PerduraError && !(error instanceof UnavailableError) ? 3 : 1;
  }
}

/** By the convention of shells: 128 and the number of SIGPIPE, of which other programs end. */
const READER_GONE = 141;

const expected = [CommandError, PerduraError, EmbeddedError, MigrationError];
