/**
 * Errors that nobody awaits: a handler that leaves a rejected promise behind, a timer that throws.
 *
 * Without this the process would end, and with it every other job that runs here: each would spend
 * a crash for somebody else's mistake. The job that left the error behind has its own outcome.
 */
import { getLogger } from "@logtape/logtape";

const log = getLogger(["perdura"]);

/** Keeps the process alive, and says what was thrown. Call once. */
export function surviveStrayErrors(): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("A rejected promise was left behind", { error: event.reason });
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    log.error("An error was thrown outside of any call", { error: event.error });
  });
}
