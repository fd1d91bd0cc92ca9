/**
 * The same metrics by OTLP: what Prometheus would read is sent to a collector every so often.
 *
 * Nothing is told of single values: the counts are there already, and are read when it is time
 * (decision 97). A collector that is slow, wrong or gone costs a line in the log.
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { Alarm } from "../runtime/alarm.ts";
import { within } from "../runtime/within.ts";
import type { Reading } from "./metric.ts";
import { metrics } from "./metrics.ts";
import { otlpMessage } from "./otlp_message.ts";
import type { OtlpSettings } from "./otlp_settings.ts";

const log = getLogger(["perdura", "telemetry"]);

/** How long the end of a process waits for its last export. */
const LAST_MS = 2_000;

/** Whose metrics they are. */
export interface OtlpMetricsHost {
  readonly settings: OtlpSettings;
  readonly read: () => Promise<Reading>;
  readonly clock: Clock;
  /** Wall time since which is counted. */
  readonly startedAt: number;
  /** How long the end waits for its last export, milliseconds; default 2,000. */
  readonly lastMs?: number;
}

/** Exports from its making on. `stop` once. */
export class OtlpMetrics {
  readonly #host: OtlpMetricsHost;
  readonly #alarm = new Alarm();
  readonly #loop: Promise<void>;
  #isStopping = false;
  #isHeard = true;
  #request: AbortController | null = null;

  constructor(host: OtlpMetricsHost) {
    this.#host = host;
    this.#loop = this.#run();
  }

  /** Exports once more. Takes `lastMs` at most. Never rejects. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    // What the one under way tells, and more, is in the last one.
    this.#request?.abort();
    this.#alarm.ring();
    const { lastMs = LAST_MS } = this.#host;
    await within(lastMs, this.#loop);
    this.#request?.abort(new Error(`no answer within ${lastMs} ms at the end`));
  }

  async #run(): Promise<void> {
    for (let isLast = false; !isLast;) {
      await this.#alarm.wait(this.#host.settings.intervalMs);
      isLast = this.#isStopping;
      await this.#export();
    }
  }

  async #export(): Promise<void> {
    try {
      const reading = await this.#host.read();
      const { settings: { resource }, clock, startedAt } = this.#host;
      await this.#send(otlpMessage(metrics, reading, { resource, startedAt, now: clock.now() }));
      if (!this.#isHeard) log.info("Metrics are exported again");
      this.#isHeard = true;
    } catch (error) {
      this.#onFailure(error);
    }
  }

  async #send(body: string): Promise<void> {
    const { url, headers, timeoutMs } = this.#host.settings;
    const request = this.#request = new AbortController();
    const late = () => request.abort(new Error(`no answer within ${timeoutMs} ms`));
    const timer = setTimeout(late, timeoutMs);
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body,
        signal: request.signal,
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`answered with status ${response.status}`);
    } finally {
      clearTimeout(timer);
      this.#request = null;
    }
  }

  /** Told once: the next export tells the collector all the same. */
  #onFailure(error: unknown): void {
    const isGivenUp = error instanceof DOMException && error.name === "AbortError";
    if (!this.#isHeard || isGivenUp) return;
    this.#isHeard = false;
    // Its query may hold a secret.
    const { origin, pathname } = new URL(this.#host.settings.url);
    const reason = error instanceof Error ? error.message : String(error);
    log.warn("Metrics cannot be exported", { to: origin + pathname, reason });
  }
}
