/** Machines: the list of them, and one with its heat map and the instances beside it. */
import { useSignal } from "@preact/signals";
import { at, call, type Page, queryOf, ui } from "./api.ts";
import { ChartView, loadChart, type MachineChart } from "./chart.tsx";
import { counts, sumBy, useCounts } from "./counts.ts";
import { Exports } from "./exports.tsx";
import { InstanceList, useInstances } from "./instances.tsx";
import { useLoad } from "./load.ts";
import { Missing } from "./missing.tsx";
import { Failure, useTitle } from "./parts.tsx";
import { place, setQuery } from "./place.ts";
import type { MachineLine } from "./resources.ts";
import { short } from "./words.ts";

/** `/ui/machines/{id}?version=&state=`. */
export function MachinePages({ id }: { readonly id: string }) {
  return id ? <MachinePage id={id} /> : <MachinesPage />;
}

function MachinesPage() {
  useTitle("Machines");
  const { data, error, reload } = useLoad(
    (signal) => call<Page<MachineLine>>("/machines", { signal }),
    [],
  );
  return (
    <div class="page">
      <header class="head">
        <h1>Machines</h1>
      </header>
      <Failure error={error} retry={reload} />
      <ul class="gallery">
        {(data?.items ?? []).map((each) => (
          <li key={each.id}>
            <a href={ui("machines", each.id)}>
              <img
                src={`${at("machines", each.id, "chart.svg")}${
                  queryOf({ hash: each.hash, plain: "true" })
                }`}
                alt=""
              />
              <strong>
                <bdi>{each.id}</bdi>
              </strong>
              <span class="soft">
                {each.version ? `version ${each.version} · ` : ""}
                {each.states} states
              </span>
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}

function MachinePage({ id }: { readonly id: string }) {
  useTitle(`Machine ${id}`);
  const version = place.value.searchParams.get("version");
  const { data, error, reload } = useLoad((signal) => loadChart(id, version, signal), [
    id,
    version,
  ]);
  if (!data) {
    if (!error) return <div class="instance" aria-busy="true" />;
    return <Missing error={error} what="machine" id={id} retry={reload} />;
  }
  return data.id === "job" ? <JobFleet chart={data} /> : <ActorFleet chart={data} />;
}

function JobFleet({ chart }: { readonly chart: MachineChart }) {
  useCounts();
  return (
    <Fleet
      chart={chart}
      heat={counts.value && sumBy(counts.value, ({ state }) => state)}
      listed="jobs"
    />
  );
}

interface Heat {
  readonly items: readonly {
    readonly state: string;
    readonly status: string;
    readonly count: number;
  }[];
}

function ActorFleet({ chart }: { readonly chart: MachineChart }) {
  const path = `${at("machines", chart.id, "counts")}`;
  const { data } = useLoad((signal) => call<Heat>(path, { signal }), [chart.id], 3_000);
  return <Fleet chart={chart} heat={data && heatOf(chart, data)} listed="actors" />;
}

/** Counts of whole states, given to each part that is active in them. */
function heatOf(chart: MachineChart, { items }: Heat): Map<string, number> {
  const heat = new Map<string, number>();
  const leaves = new Set(chart.states.map(({ id }) => id));
  for (const { state, count } of items) {
    for (const part of state.split(",")) {
      if (leaves.has(part)) heat.set(part, (heat.get(part) ?? 0) + count);
    }
  }
  return heat;
}

function Fleet({ chart, heat, listed }: {
  readonly chart: MachineChart;
  readonly heat: ReadonlyMap<string, number> | null;
  readonly listed: "jobs" | "actors";
}) {
  const state = place.value.searchParams.get("state");
  const root = chart.states[0]?.id;
  const showsHeat = useSignal(true);
  const only = listed === "jobs" ? {} : { machine: chart.id };
  const inState = state === null ? {} : { state };
  const found = useInstances(listed, { ...only, ...inState });
  const choose = (id: string) =>
    setQuery({ state: id === state || id === root ? null : id, after: null });
  return (
    <div class="instance fleet">
      <header class="head">
        <h1>
          <span class="crumb">
            <a href="/ui/machines">machines</a>
          </span>
          <bdi>{chart.id}</bdi>
          {chart.versions.length > 0 && (
            <select
              aria-label="Version"
              value={chart.version ?? ""}
              onChange={(event) => setQuery({ version: event.currentTarget.value })}
            >
              {chart.versions.map((each) => (
                <option key={each} value={each}>version {each}</option>
              ))}
            </select>
          )}
        </h1>
        <p class="soft meta">
          {chart.states.length} states · {chart.transitions.length} transitions · chart{" "}
          {chart.hash.slice(0, 8)}
        </p>
        <div class="actions">
          <Exports chart={chart} />
        </div>
      </header>
      <div class="stage">
        <div class="canvas">
          <ChartView
            key={chart.hash}
            chart={chart}
            heat={showsHeat.value ? heat : null}
            selected={state}
            onSelect={choose}
          />
          <Legend shown={showsHeat.value} onToggle={() => showsHeat.value = !showsHeat.value} />
        </div>
        <aside class="side wide">
          <h2>
            {state ? <bdi>{state}</bdi> : "Everywhere"}
            {heat && (
              <span class="count">
                {short(state ? heat.get(state) ?? 0 : totalOf(heat, chart, listed))}
              </span>
            )}
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

function totalOf(
  heat: ReadonlyMap<string, number>,
  chart: MachineChart,
  listed: "jobs" | "actors",
): number {
  const values = [...heat.values()];
  if (listed === "jobs") return values.reduce((sum, each) => sum + each, 0);
  // Regions of a parallel state count the same actors.
  const inside = new Set(
    chart.states.filter(({ type }) => type === "parallel").map(({ id }) => id),
  );
  const plain = [...heat].filter(([id]) => ![...inside].some((each) => id.startsWith(`${each}.`)));
  const regions = Math.max(0, ...[...inside].map((each) => sumOfOneRegion(heat, chart, each)));
  return plain.reduce((sum, [, count]) => sum + count, 0) + regions;
}

function sumOfOneRegion(
  heat: ReadonlyMap<string, number>,
  chart: MachineChart,
  parallel: string,
): number {
  const region = chart.states.find(({ parent }) => parent === parallel);
  return [...heat].filter(([id]) => region && id.startsWith(`${region.id}.`)).reduce(
    (sum, [, count]) => sum + count,
    0,
  );
}

function Legend({ shown, onToggle }: { readonly shown: boolean; readonly onToggle: () => void }) {
  return (
    <div class="legend">
      <button type="button" aria-pressed={shown} onClick={onToggle}>Heat map</button>
      {shown && (
        <span class="scale" role="img" aria-label="Colour by count, few to many">
          <i class="heat-1" />
          <i class="heat-2" />
          <i class="heat-3" />
          <i class="heat-4" />
          <i class="heat-5" />
        </span>
      )}
    </div>
  );
}
