/** Log lines on standard error: JSON for machines, readable on a terminal. */
import { configure, getAnsiColorFormatter, jsonLinesFormatter } from "@logtape/logtape";
import { logContext } from "../telemetry/log_names.ts";
import type { Settings } from "./settings.ts";

/** Sets the process up for logging. Call once. */
export async function configureLogging(level: Settings["LOG_LEVEL"]): Promise<void> {
  const format = Deno.stderr.isTerminal() ? getAnsiColorFormatter() : jsonLinesFormatter;
  const encoder = new TextEncoder();
  await configure({
    contextLocalStorage: logContext,
    sinks: { stderr: (record) => void Deno.stderr.writeSync(encoder.encode(format(record))) },
    loggers: [
      { category: ["perdura"], lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
    reset: true,
  });
}
