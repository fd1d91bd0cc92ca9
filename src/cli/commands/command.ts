/**
 * How a command is declared, and run: here stands what may be typed, and what it does is imported when it
 * is typed. Nobody waits for the code of other commands, and who asks for help for that of none.
 */
import type { Command } from "commander";
import type { Settings } from "../settings.ts";

/** A command whose mistakes are one line, and the line of its own usage. */
export function command(parent: Command, name: string, about: string): Command {
  const made = parent.command(name).description(about).exitOverride().showHelpAfterError(false);
  return made.configureOutput({
    outputError: (text, write) => {
      write(`${oneLine(text)}\nusage: ${made.createHelp().commandUsage(made)}\n`);
    },
  });
}

/** A message without its line breaks. */
export function oneLine(text: string): string {
  return text.trimEnd().replaceAll(/\s*\n\s*/g, " ");
}

/** What a command does, by the code that was imported for it. */
type Work<Code> = (code: Code, settings: Settings) => Promise<void>;

/** Runs commands by the code of one module. */
export function by<Code>(load: () => Promise<Code>): (work: Work<Code>) => Promise<void> {
  return async (work) => {
    const { beginProcess } = await import("../process.ts");
    const settings = await beginProcess();
    await work(await load(), settings);
  };
}
