/**
 * Whether this process exports traces and metrics by OTLP (OTEL_DENO=true). Deno sends the traces, we the
 * metrics.
 */
import { getLogger } from "@logtape/logtape";
import { systemClock } from "../core/clock.ts";
import type { Exposition } from "../telemetry/exposition.ts";
import { OtlpMetrics } from "../telemetry/otlp_metrics.ts";
import { readOtlpSettings } from "../telemetry/otlp_settings.ts";
import { Tracing, type TracingOptions } from "../telemetry/tracing.ts";

const log = getLogger(["perdura"]);

let known: Tracing | null | undefined;

/** What wraps handlers, store and jobs; null: nobody collects, and nothing is wrapped. */
export function tracingOfProcess(): Tracing | null {
  if (known === undefined) known = isExporting() ? new Tracing(sampling()) : null;
  return known;
}

/** Begins to export what there is to tell; null: nobody collects. @param instance See `readOtlpSettings`. */
export function exportMetrics(exposition: Exposition, instance: string): OtlpMetrics | null {
  if (!tracingOfProcess() || Deno.env.get("OTEL_METRICS_EXPORTER") === "none") return null;
  const { settings, problems } = readOtlpSettings((name) => Deno.env.get(name), instance);
  for (const problem of problems) log.warn(problem);
  return new OtlpMetrics({
    settings,
    read: () => exposition.read(),
    clock: systemClock,
    startedAt: performance.timeOrigin,
  });
}

/** `OTEL_TRACES_SAMPLER`, which Deno reads as well: every trace, or none, instead of so many a second. */
function sampling(): TracingOptions {
  const sampler = Deno.env.get("OTEL_TRACES_SAMPLER") ?? "";
  if (/^(parentbased_)?always_on$/.test(sampler)) return { tracesPerSecond: Infinity };
  return /^(parentbased_)?always_off$/.test(sampler) ? { tracesPerSecond: 0 } : {};
}

/** The names are OpenTelemetry's and Deno's, not ours: they are not among the settings. */
function isExporting(): boolean {
  if (Deno.env.get("OTEL_SDK_DISABLED")?.toLowerCase() === "true") return false;
  const isOn = ["true", "1"].includes(Deno.env.get("OTEL_DENO") ?? "");
  if (!isOn && Deno.env.get("OTEL_EXPORTER_OTLP_ENDPOINT")) {
    log.warn("OTEL_EXPORTER_OTLP_ENDPOINT is set, OTEL_DENO=true is not: nothing is exported");
  }
  return isOn;
}
