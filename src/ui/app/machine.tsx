/** A machine with its fleet, and two versions of one side by side. */
import { loadChart } from "./chart.tsx";
import { ActorFleet, JobFleet } from "./fleet.tsx";
import { lazy, useLoad, useTitle } from "./parts.tsx";
import { word } from "./place.ts";

const Missing = lazy(() => import("./missing.tsx"), (module) => module.Missing);
const Seldom = lazy(() => import("./machine_seldom.tsx"), (module) => module.SeldomMachine);

/** `/ui/machines/{id}?version=&state=`. */
export function MachinePage({ id }: { readonly id: string }) {
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
  if (against || data.id === "breaker") return <Seldom chart={data} against={against} />;
  return data.id === "job" ? <JobFleet chart={data} /> : <ActorFleet chart={data} />;
}
