/** `perdura/telemetry`: traces for a runtime inside another program. */
export { Tracing } from "./tracing.ts";
export type { TracingOptions } from "./tracing.ts";
