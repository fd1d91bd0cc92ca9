/** Where metrics go, by the environment variables of the OpenTelemetry specification. */
import { VERSION } from "../core/version.ts";

const INTERVAL_MS = 60_000;
const REQUEST_MS = 10_000;
const EXPORT_MS = 30_000;

/** How metrics are exported. */
export interface OtlpSettings {
  /** Posted to. */
  readonly url: string;
  /** Credentials among them: never logged. */
  readonly headers: Readonly<Record<string, string>>;
  readonly intervalMs: number;
  /** A request that takes longer is given up. */
  readonly timeoutMs: number;
  /** What the process is called. */
  readonly resource: Readonly<Record<string, string>>;
}

/** Reads a variable; undefined: it is not set. */
export type Variable = (name: string) => string | undefined;

/**
 * Reads the settings. What is wrong is passed over, as the specification wants it, and told.
 *
 * @param instance Tells this process from others of its name, whose counters are their own.
 */
export function readOtlpSettings(
  variable: Variable,
  instance: string,
): { readonly settings: OtlpSettings; readonly problems: readonly string[] } {
  const reader = new Reader(variable);
  const settings = {
    url: reader.url(),
    headers: {
      ...reader.pairs("OTEL_EXPORTER_OTLP_HEADERS"),
      ...reader.pairs("OTEL_EXPORTER_OTLP_METRICS_HEADERS"),
    },
    intervalMs: reader.milliseconds("OTEL_METRIC_EXPORT_INTERVAL") ?? INTERVAL_MS,
    timeoutMs: Math.min(
      reader.milliseconds("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT") ??
        reader.milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT") ?? REQUEST_MS,
      reader.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT") ?? EXPORT_MS,
    ),
    resource: reader.resource(instance),
  };
  return { settings, problems: reader.problems };
}

/** An empty variable is one that is not set. */
class Reader {
  readonly #variable: Variable;
  readonly problems: string[] = [];

  constructor(variable: Variable) {
    this.#variable = variable;
  }

  url(): string {
    const own = this.#address("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
    if (own) return own.href;
    const base = this.#address("OTEL_EXPORTER_OTLP_ENDPOINT") ?? new URL("http://localhost:4318");
    base.pathname = `${base.pathname.replace(/\/$/, "")}/v1/metrics`;
    return base.href;
  }

  milliseconds(name: string): number | null {
    const text = this.#text(name);
    if (text === null) return null;
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    return this.#refuse(name, "a number of milliseconds from 1 to 999999999");
  }

  /** `name=value,name=value`, values percent-encoded. */
  pairs(name: string): Record<string, string> {
    const entries = (this.#text(name) ?? "").split(",").filter((pair) => pair.trim() !== "");
    const pairs = entries.map((pair) => /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair));
    try {
      return Object.fromEntries(pairs.map((pair) => {
        if (!pair) throw new URIError("no pair");
        return [pair[1], decodeURIComponent(pair[2] ?? "")];
      }));
    } catch {
      return this.#refuse(name, "pairs like name=value,name=value, percent-encoded") ?? {};
    }
  }

  resource(instance: string): Record<string, string> {
    const service = this.#text("OTEL_SERVICE_NAME");
    return {
      "service.name": "perdura",
      "service.version": VERSION,
      "service.instance.id": instance,
      ...this.pairs("OTEL_RESOURCE_ATTRIBUTES"),
      ...(service === null ? {} : { "service.name": service }),
    };
  }

  #address(name: string): URL | null {
    const text = this.#text(name);
    if (text === null) return null;
    const url = URL.parse(text);
    if (url && /^https?:$/.test(url.protocol)) return url;
    return this.#refuse(name, "an address that begins with http:// or https://");
  }

  #text(name: string): string | null {
    return this.#variable(name)?.trim() || null;
  }

  /** Values may be secrets: they are not told. */
  #refuse(name: string, wanted: string): null {
    this.problems.push(`${name} is not ${wanted}: it is passed over`);
    return null;
  }
}
