/**
 * Runs commands one after the other, each as main.ts runs its one: a line of standard input is one, in
 * JSON. Each is followed on both streams by a NUL, its exit code and another NUL.
 */
import { z } from "zod";
import { runCommand } from "../../src/cli/mod.ts";

const command = z.object({
  args: z.array(z.string()),
  /** Beside those of the process, for this one. */
  settings: z.record(z.string(), z.string()),
});

let rest = "";
for await (const piece of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + piece).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) await runLine(line);
}
Deno.exit(0);

async function runLine(line: string): Promise<void> {
  const { args, settings } = command.parse(JSON.parse(line));
  for (const [name, value] of Object.entries(settings)) Deno.env.set(name, value);
  const end = new TextEncoder().encode(`\0${await runCommand(args)}\0`);
  for (const name of Object.keys(settings)) Deno.env.delete(name);
  Deno.stdout.writeSync(end);
  Deno.stderr.writeSync(end);
}
