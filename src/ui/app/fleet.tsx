/** One machine and all its instances: the chart with numbers laid over it, and the list beside it. */
import { useMemo } from "preact/hooks";
import type { Flow } from "../../core/flow.ts";
import { at, call, queryOf } from "./api.ts";
import { ChartView, type MachineChart } from "./chart.tsx";
import { counts, sumBy, useCounts } from "./counts.ts";
import { Exports } from "./exports.tsx";
import { InstanceList, useInstances } from "./instances.tsx";
import { layOver } from "./laying.ts";
import { type OverlayName, overlayOf, OVERLAYS, perState } from "./overlay.ts";
import { pathname, setQuery, word } from "./place.ts";
import { Strip } from "./strip.tsx";
import { short } from "./amount.ts";
import { useLoad } from "./parts.tsx";

type Listed = "jobs" | "actors";

/** The fleet of jobs. */
export function JobFleet({ chart }: { readonly chart: MachineChart }) {
  useCounts();
  const heat = counts.value && sumBy(counts.value, ({ state }) => state);
  const total = heat ? [...heat.values()].reduce((sum, each) => sum + each, 0) : null;
  return <Fleet chart={chart} heat={heat} total={total} listed="jobs" />;
}

interface Heat {
  readonly items: readonly { readonly state: string; readonly count: number }[];
}

/** The fleet of actors of a machine. */
export function ActorFleet({ chart }: { readonly chart: MachineChart }) {
  const path = at("machines", chart.id, "counts");
  const { data } = useLoad((signal) => call<Heat>(path, { signal }), [chart.id], 3_000);
  const heat = useMemo(() => data && perState(chart, data.items), [chart, data]);
  const total = data ? data.items.reduce((sum, { count }) => sum + count, 0) : null;
  return <Fleet chart={chart} heat={heat} total={total} listed="actors" />;
}

const WINDOWS = { "5 minutes": 300_000, "hour": 3_600_000, "day": 86_400_000 };

interface FleetProps {
  readonly chart: MachineChart;
  readonly heat: ReadonlyMap<string, number> | null;
  readonly total: number | null;
  readonly listed: Listed;
}

function Fleet({ chart, heat, total, listed }: FleetProps) {
  const state = word("state");
  const wanted = Number(word("window"));
  const windowMs = Object.values(WINDOWS).includes(wanted) ? wanted : WINDOWS.hour;
  const name = OVERLAYS.find((each) => each === word("over")) ?? "count";
  const path = `${at("machines", chart.id, "flow")}${queryOf({ windowMs })}`;
  const flow = useLoad((signal) => call<Flow>(path, { signal }), [path], 4_000).data;
  const over = useMemo(
    () => heat && overlayOf(name, chart, heat, flow),
    [chart, heat, name, flow],
  );
  const root = chart.states[0]?.id;
  const only = listed === "jobs" ? {} : { machine: chart.id };
  const found = useInstances(listed, { ...only, ...state === null ? {} : { state } });
  const choose = (id: string) =>
    setQuery({ state: id === state || id === root ? null : id, after: null });
  return (
    <div class="instance fleet">
      <Head chart={chart} windowMs={windowMs} />
      <Strip flow={flow} total={total} listed={listed} />
      <div class="stage">
        <div class="canvas">
          <ChartView
            key={chart.hash}
            chart={chart}
            over={over}
            lay={layOver}
            selected={state}
            onSelect={choose}
          />
          <Overlays chosen={name} />
        </div>
        <aside class="side wide">
          <h2>
            {state ? <bdi>{state}</bdi> : "Everywhere"}
            {heat && <span class="count">{short(state ? heat.get(state) ?? 0 : total ?? 0)}</span>}
            {state && (
              <button type="button" class="plain" onClick={() => choose(state)}>all states</button>
            )}
          </h2>
          <InstanceList listed={listed} found={found} />
        </aside>
      </div>
    </div>
  );
}

function Head({ chart, windowMs }: { readonly chart: MachineChart; readonly windowMs: number }) {
  const { version, versions } = chart;
  return (
    <header class="head">
      <h1>
        <span class="crumb">
          <a href="/ui/machines">machines</a>
        </span>
        <bdi>{chart.id}</bdi>
        {versions.length > 0 && (
          <select
            aria-label="Version"
            value={version ?? ""}
            onChange={(event) => setQuery({ version: event.currentTarget.value })}
          >
            {versions.map((each) => <option key={each} value={each}>version {each}</option>)}
          </select>
        )}
      </h1>
      <p class="soft meta">
        {chart.states.length - 1} states · {chart.transitions.length} transitions
        {versions.length > 1 && (
          <>
            {" · "}
            <a href={pathname.value + queryOf({ version, against: otherOf(chart) })}>
              compare versions
            </a>
          </>
        )}
      </p>
      <div class="actions">
        <select
          aria-label="Time looked at"
          value={String(windowMs)}
          onChange={(event) => setQuery({ window: event.currentTarget.value })}
        >
          {Object.entries(WINDOWS).map(([words, ms]) => (
            <option key={ms} value={String(ms)}>last {words}</option>
          ))}
        </select>
        <Exports chart={chart} />
      </div>
    </header>
  );
}

/** The version before, or, of the first, the one after it. */
function otherOf({ version, versions }: MachineChart): string | null {
  const at = versions.indexOf(version ?? "");
  return versions[at - 1] ?? versions[at + 1] ?? null;
}

const WORDS: Readonly<Record<OverlayName, string>> = {
  count: "Count",
  stuck: "Stuck",
  flow: "Flow",
  failures: "Failures",
};

const HINTS: Readonly<Record<OverlayName, string>> = {
  count: "How many are in each state",
  stuck: "The share that has waited longer than the p99 of its state",
  flow: "How often each way was taken, a minute",
  failures: "Failures out of each state",
};

function Overlays({ chosen }: { readonly chosen: OverlayName }) {
  return (
    <div class="legend" role="group" aria-label="Laid over the chart">
      {OVERLAYS.map((name) => (
        <button
          key={name}
          type="button"
          title={HINTS[name]}
          aria-pressed={name === chosen}
          onClick={() => setQuery({ over: name === "count" ? null : name })}
        >
          {WORDS[name]}
        </button>
      ))}
    </div>
  );
}
