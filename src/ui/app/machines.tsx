/** Machines: the list of them, one with its fleet, and two versions of one side by side. */
import { at, call, type Page, queryOf, ui } from "./api.ts";
import { loadChart } from "./chart.tsx";
import { ActorFleet, JobFleet } from "./fleet.tsx";
import { Failure } from "./lists.tsx";
import { lazy, useLoad, useTitle } from "./parts.tsx";
import { word } from "./place.ts";
import type { MachineLine } from "./resources.ts";

const Breakers = lazy(() => import("./breaker_fleet.tsx"), (module) => module.BreakerFleet);
const Missing = lazy(() => import("./missing.tsx"), (module) => module.Missing);
const Versions = lazy(() => import("./versions.tsx"), (module) => module.VersionsPage);

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
                src={`${at("machines", each.id, "chart.svg")}${queryOf({ hash: each.hash })}`}
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
  const version = word("version");
  const { data, error, reload } = useLoad((signal) => loadChart(id, version, signal), [
    id,
    version,
  ]);
  if (!data) {
    if (!error) return <div class="instance" aria-busy="true" />;
    return <Missing error={error} what="machine" id={id} retry={reload} />;
  }
  const against = word("against");
  if (against) return <Versions chart={data} against={against} />;
  if (data.id === "breaker") return <Breakers chart={data} />;
  return data.id === "job" ? <JobFleet chart={data} /> : <ActorFleet chart={data} />;
}
