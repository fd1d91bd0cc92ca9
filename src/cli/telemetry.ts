/** Whether this process exports traces and metrics by OTLP. Deno does the sending (OTEL_DENO=true). */
import { getLogger } from "@logtape/logtape";
import { Tracing, type TracingOptions } from "../telemetry/tracing.ts";

const log = getLogger(["perdura"]);

let known: Tracing | null | undefined;

/** What wraps handlers, store and jobs; null: nobody collects, and nothing is wrapped. */
export function tracingOfProcess(): Tracing | null {
  if (known === undefined) known = isExporting() ? new Tracing(sampling()) : null;
  return known;
}

/** `OTEL_TRACES_SAMPLER`, which Deno does not read: every trace, or none, instead of so many a second. */
function sampling(): TracingOptions {
  const sampler = Deno.env.get("OTEL_TRACES_SAMPLER") ?? "";
  if (/^(parentbased_)?always_on$/.test(sampler)) return { tracesPerSecond: Infinity };
  return /^(parentbased_)?always_off$/.test(sampler) ? { tracesPerSecond: 0 } : {};
}

/** The names are OpenTelemetry's and Deno's, not ours: they are not among the settings. */
function isExporting(): boolean {
  const isOn = ["true", "1"].includes(Deno.env.get("OTEL_DENO") ?? "");
  if (!isOn && Deno.env.get("OTEL_EXPORTER_OTLP_ENDPOINT")) {
    log.warn("OTEL_EXPORTER_OTLP_ENDPOINT is set, OTEL_DENO=true is not: nothing is exported");
  }
  return isOn;
}
