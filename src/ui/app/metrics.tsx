/** Metrics: what the counters and the text of `/metrics` say, drawn over the time this page is open. */
import { useEffect, useRef } from "preact/hooks";
import { counts, rateOf, samples, sumBy, useCounts } from "./counts.ts";
import { call } from "./api.ts";
import { isMissing } from "./lists.tsx";
import { Empty, Panel, useLoad, useTitle } from "./parts.tsx";
import { short } from "./amount.ts";
import { spoken } from "./words.ts";
import type { Plotter, Series } from "./plot.ts";

const LINES = [
  ["running", "on"],
  ["pending", "mute"],
  ["retry", "warn"],
  ["dead_letter", "bad"],
] as const;

/** `/ui/metrics`. */
export function MetricsPage() {
  useTitle("Metrics");
  useCounts();
  const text = useLoad((signal) => call<string>("/metrics", { signal }), [], 5_000);
  const byState = sumBy(counts.value ?? [], ({ state }) => state);
  // How fast it goes is known from the second sample on.
  const rates = samples.value.slice(1).map(({ at, byState }, i) => {
    const before = samples.value[i];
    const grown = (byState.get("succeeded") ?? 0) - (before?.byState.get("succeeded") ?? 0);
    return Math.max(0, grown) / Math.max(.2, (at - (before?.at ?? at)) / 1_000);
  });
  const times = samples.value.map(({ at }) => at / 1_000);
  const states: Series[] = LINES.map(([state, tone]) => ({
    label: spoken(state),
    tone,
    values: samples.value.map((sample) => sample.byState.get(state) ?? 0),
  }));
  return (
    <div class="page">
      <header class="head">
        <h1>Metrics</h1>
        <p class="soft meta">
          Since this page was opened; for longer ones point Prometheus at <code>/metrics</code>.
        </p>
      </header>
      <section class="cards">
        <Number name="Done a second" text={rateText("succeeded")} />
        <Number name="Failed for good a second" text={rateText("dead_letter")} />
        <Number name="Running" text={short(byState.get("running") ?? 0)} />
        <Number
          name="Waiting"
          text={short((byState.get("pending") ?? 0) + (byState.get("scheduled") ?? 0))}
        />
      </section>
      <div class="columns">
        <Panel title="Jobs by state">
          <Plot times={times} series={states} />
        </Panel>
        <Panel title="Succeeded a second">
          <Plot
            times={times.slice(1)}
            series={[{ label: "succeeded", tone: "ok", values: rates }]}
          />
        </Panel>
      </div>
      <Panel title="As Prometheus reads it">
        {isMissing(text.error) || !text.data
          ? (
            <Empty title="This process has no /metrics">
              <p class="soft">Workers do, on WORKER_HTTP_PORT.</p>
            </Empty>
          )
          : <MetricTable text={text.data} />}
      </Panel>
    </div>
  );
}

function Number({ name, text }: { readonly name: string; readonly text: string }) {
  return (
    <div class="card">
      <span>{name}</span>
      <strong>{text}</strong>
    </div>
  );
}

function rateText(state: string): string {
  const rate = rateOf(state);
  return rate === null ? "–" : rate < 10 ? rate.toFixed(1) : short(Math.round(rate));
}

/** uPlot is fetched by this page alone. */
function Plot(
  { times, series }: { readonly times: readonly number[]; readonly series: readonly Series[] },
) {
  const place = useRef<HTMLDivElement>(null);
  const plotter = useRef<Plotter | null>(null);
  useEffect(() => {
    let isGone = false;
    const path = new URL("plot.js", import.meta.url).href;
    void import(path).then((module) => {
      if (isGone || !place.current) return;
      plotter.current = module.plotIn(place.current, series);
      plotter.current?.show(times, series);
    });
    return () => {
      isGone = true;
      plotter.current?.close();
    };
  }, []);
  useEffect(() => plotter.current?.show(times, series));
  const last = series.map(({ label, values }) => `${label} ${Math.round(values.at(-1) ?? 0)}`).join(
    ", ",
  );
  return (
    <>
      <div class="plot" ref={place} role="img" aria-label={`Now: ${last}`} />
      <ul class="keyline">
        {series.map(({ label, tone, values }) => (
          <li key={label} class={tone}>
            <i />
            {label} <b class="number">{short(Math.round(values.at(-1) ?? 0))}</b>
          </li>
        ))}
      </ul>
    </>
  );
}

/** As exact as somebody reads it. */
function rounded(number: string): number {
  return parseFloat(parseFloat(number).toPrecision(6));
}

function MetricTable({ text }: { readonly text: string }) {
  const help = new Map(
    [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, words]) => [name, words]),
  );
  // Buckets are for who computes with them: here their sum and count say enough.
  const lines = text.split("\n").filter((line) => line !== "" && !/^#|_bucket\{/.test(line))
    .slice(0, 400);
  return (
    <div class="scroll flat tall" tabIndex={0} role="group" aria-label="Metrics">
      <table>
        <tbody>
          {lines.map((line) => {
            const at = line.lastIndexOf(" ");
            const name = line.slice(0, at);
            return (
              <tr key={name}>
                <th scope="row" class="mono" title={help.get(name.replace(/\{.*/, ""))}>{name}</th>
                <td class="number right">{rounded(line.slice(at + 1))}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
