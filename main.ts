/** The program: `deno run -A main.ts start | api | worker | migrate`. */
import { runCommand } from "./src/cli/mod.ts";

// `deno task migrate -- --plan` hands the dashes on.
const args = Deno.args.filter((arg) => arg !== "--");
Deno.exit(await runCommand(args));
