/** `perdura/telemetry`: traces for a runtime inside another program. */
export { Tracing } from "./tracing.ts";
