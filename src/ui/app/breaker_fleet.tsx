/** All breakers on the chart of their machine, and the list beside it. */
import { useMemo } from "preact/hooks";
import { BreakerList, useBreakers } from "./breakers.tsx";
import { ChartView, type MachineChart } from "./chart.tsx";
import { Exports } from "./exports.tsx";
import { layOver } from "./laying.ts";
import { overlayOf } from "./overlay.ts";
import { Failure } from "./lists.tsx";
import { Empty } from "./parts.tsx";

/** `/ui/machines/breaker`. */
export function BreakerFleet({ chart }: { readonly chart: MachineChart }) {
  const { data, error, reload } = useBreakers();
  const over = useMemo(() => {
    const groups = Map.groupBy(data?.items ?? [], ({ state }) => state);
    const counts = new Map([...groups].map(([state, { length }]) => [state, length]));
    return overlayOf("count", chart, counts, null);
  }, [chart, data]);
  return (
    <div class="instance fleet">
      <header class="head">
        <h1>
          <span class="crumb">
            <a href="/ui/machines">machines</a>
          </span>
          {chart.id}
        </h1>
        <p class="soft meta">Of types and limit keys that have failed</p>
        <Exports chart={chart} />
      </header>
      <div class="stage">
        <div class="canvas">
          <ChartView chart={chart} over={over} lay={layOver} />
        </div>
        <aside class="side wide">
          <h2>
            Breakers<span class="count">{data?.items.length ?? "–"}</span>
          </h2>
          <Failure error={error} retry={reload} />
          {data?.items.length === 0 && <Empty title="None has ever failed" />}
          <BreakerList items={data?.items ?? []} reload={reload} />
        </aside>
      </div>
    </div>
  );
}
