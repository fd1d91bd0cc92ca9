/** Log lines on standard error: JSON for machines, readable on a terminal. */
import { AsyncLocalStorage } from "node:async_hooks";
import { configure, getAnsiColorFormatter, jsonLinesFormatter } from "@logtape/logtape";
import type { Settings } from "./settings.ts";

/** Sets the process up for logging. Call once. */
export async function configureLogging(level: Settings["LOG_LEVEL"]): Promise<void> {
  const format = Deno.stderr.isTerminal() ? getAnsiColorFormatter() : jsonLinesFormatter;
  const encoder = new TextEncoder();
  await configure({
    // Names that a traced handler's lines share; where nobody traces, nothing is in it.
    contextLocalStorage: new AsyncLocalStorage(),
    sinks: { stderr: (record) => void Deno.stderr.writeSync(encoder.encode(format(record))) },
    loggers: [
      { category: ["perdura"], lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
    reset: true,
  });
}
