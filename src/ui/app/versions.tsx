/** Two versions of a machine side by side: what is new, what is gone, what has changed. */
import { useMemo } from "preact/hooks";
import { ui } from "./api.ts";
import { ChartView, loadChart, type MachineChart } from "./chart.tsx";
import { type Change, changesOf } from "./chart_diff.ts";
import { layOver } from "./laying.ts";
import type { Mark } from "./overlay.ts";
import { Table } from "./lists.tsx";
import { lazy, Pill, useLoad } from "./parts.tsx";
import { setQuery } from "./place.ts";

/** Fetched when there is something to say. */
const Missing = lazy(() => import("./missing.tsx"), (module) => module.Missing);

interface VersionsProps {
  readonly chart: MachineChart;
  readonly against: string;
}

/** `/ui/machines/{id}?version=&against=`. */
export function VersionsPage({ chart, against }: VersionsProps) {
  const { data, error, reload } = useLoad(
    (signal) => loadChart(chart.id, against, signal),
    [chart.id, against],
  );
  const changes = useMemo(() => data ? changesOf(data, chart) : [], [data, chart]);
  if (error) return <Missing error={error} what="machine" id={chart.id} retry={reload} />;
  if (!data) return <div class="instance" aria-busy="true" />;
  return (
    <div class="instance">
      <header class="head">
        <h1>
          <span class="crumb">
            <a href={ui("machines", chart.id)}>
              <bdi>{chart.id}</bdi>
            </a>
          </span>
          <Chosen name="against" of={data} /> → <Chosen name="version" of={chart} />
        </h1>
        <p class="soft meta">
          {changes.length === 0 ? "They are alike" : `${changes.length} differences`}
        </p>
      </header>
      <div class="stage pair">
        <Side of={data} changes={changes} shows={["gone", "changed"]} />
        <Side of={chart} changes={changes} shows={["new", "changed"]} />
      </div>
      {changes.length > 0 && (
        <div class="page">
          <Table label="Differences" heads={["Change", "What", "Before", "After"]}>
            {changes.map((each) => <ChangeRow key={`${each.kind} ${each.id}`} change={each} />)}
          </Table>
        </div>
      )}
    </div>
  );
}

function Chosen({ name, of }: { readonly name: string; readonly of: MachineChart }) {
  return (
    <select
      aria-label={name === "against" ? "Older version" : "Newer version"}
      value={of.version ?? ""}
      onChange={(event) => setQuery({ [name]: event.currentTarget.value })}
    >
      {of.versions.map((each) => <option key={each} value={each}>version {each}</option>)}
    </select>
  );
}

interface SideProps {
  readonly of: MachineChart;
  readonly changes: readonly Change[];
  readonly shows: readonly string[];
}

function Side({ of, changes, shows }: SideProps) {
  const over = useMemo(() => {
    const shown = changes.filter(({ kind, what }) => kind === "state" && shows.includes(what));
    return {
      states: new Map<string, Mark>(shown.map(({ id, what }) => [id, {
        text: what,
        step: 0,
        isBad: what === "gone",
        ...what === "gone" ? {} : { tone: what === "new" ? "ok" : "hold" },
      }])),
      ways: new Map(),
      minutes: 1,
    };
  }, [changes, of]);
  return (
    <section class="canvas" aria-label={`Version ${of.version}`}>
      <ChartView key={of.hash} chart={of} over={over} lay={layOver} />
    </section>
  );
}

const TONES = { new: "succeeded", gone: "failed", changed: "retry" } as const;

function ChangeRow({ change }: { readonly change: Change }) {
  return (
    <tr data-change={change.id}>
      <td>
        <Pill state={TONES[change.what]} label={change.what} />
      </td>
      <td>
        {change.kind}{" "}
        <code>
          <bdi>{change.id.replaceAll("|", " · ")}</bdi>
        </code>
      </td>
      <td>
        <bdi>{change.before ?? "–"}</bdi>
      </td>
      <td>
        <bdi>{change.after ?? "–"}</bdi>
      </td>
    </tr>
  );
}
