/** Leaves two errors behind, as a careless handler does, and goes on. */
import { configureLogging } from "../../src/cli/logging.ts";
import { surviveStrayErrors } from "../../src/cli/stray_errors.ts";

await configureLogging("info");
surviveStrayErrors();
Promise.reject(new Error("left behind"));
setTimeout(() => {
  throw new TypeError("from a timer");
}, 1);
setTimeout(() => Deno.stdout.writeSync(new TextEncoder().encode("alive")), 50);
