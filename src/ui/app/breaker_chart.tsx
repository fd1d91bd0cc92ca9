/** The chart of one breaker, lit, with what has set it off. */
import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { at, call, type Page } from "./api.ts";
import { ChartView, loadChart } from "./chart.tsx";
import { litAt, type Step } from "./lit.ts";
import { Ago, useLoad } from "./parts.tsx";
import { spoken } from "./words.ts";

/** So many of its last steps are told. */
const LAST = 6;

interface ChartProps {
  readonly id: string;
  /** Another instant, another step. */
  readonly changedAt: string;
}

/** The breaker as it stands. */
export function BreakerChart({ id, changedAt }: ChartProps) {
  const chart = useLoad((signal) => loadChart("breaker", null, signal), []).data;
  const steps = useLoad(
    (signal) => call<Page<Step>>(`${at("breakers", id)}/transitions?limit=200`, { signal }),
    [id],
    0,
    [changedAt],
  ).data?.items;
  const lit = useMemo(
    () => chart && steps ? signal(litAt(chart, steps, steps.length - 1, [])) : null,
    [chart, steps],
  );
  return (
    <>
      <div class="canvas framed small">
        {chart && lit && <ChartView chart={chart} lit={lit} />}
      </div>
      <ul class="rows steps" aria-label="What it has been through">
        {steps?.slice(-LAST).toReversed().map((step) => (
          <li key={step.version}>
            <code>{step.event}</code>
            <span class="soft grow">
              {spoken(step.from ?? "nothing")} → {spoken(step.to)}
            </span>
            <Ago at={step.at} />
          </li>
        ))}
      </ul>
    </>
  );
}
