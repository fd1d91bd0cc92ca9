/**
 * Runs commands one after the other, each as main.ts runs its one: a JSON list of their arguments. Each is
 * followed on both streams by a NUL, its exit code and another NUL.
 */
import { runCommand } from "../../src/cli/mod.ts";

for (const args of JSON.parse(Deno.args[0] ?? "[]")) {
  const end = new TextEncoder().encode(`\0${await runCommand(args)}\0`);
  Deno.stdout.writeSync(end);
  Deno.stderr.writeSync(end);
}
Deno.exit(0);
