/** Breakers: what is kept from being called, and until when. */
import { useSignal } from "@preact/signals";
import { call, type Page } from "./api.ts";
import { lazy } from "./lazy.tsx";
import { useLoad } from "./load.ts";
import { Ago, Countdown, Panel, Pill } from "./parts.tsx";
import { spoken } from "./words.ts";

const BreakerChart = lazy(() => import("./breaker_chart.tsx"), (module) => module.BreakerChart);

interface Breaker {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly failures: number;
  readonly openUntil: string | null;
  readonly changedAt: string;
}

/** The breakers; nothing where there are none. */
export function Breakers() {
  const { data, error } = useLoad(
    (signal) => call<Page<Breaker>>("/breakers", { signal }),
    [],
    5_000,
  );
  const open = useSignal<string | null>(null);
  if (error || !data || data.items.length === 0) return null;
  return (
    <Panel title="Breakers" name="breakers">
      <ul class="rows">
        {data.items.map((each) => (
          <li key={each.id}>
            <span class="grow">
              {each.kind} <bdi>{each.name}</bdi>
            </span>
            <Pill
              state={each.state === "open" ? "failed" : each.state}
              label={spoken(each.state)}
            />
            <span class="soft">
              {each.failures} failures, since <Ago at={each.changedAt} />
            </span>
            {each.openUntil && <Countdown at={each.openUntil} />}
            <button
              type="button"
              class="plain"
              aria-expanded={open.value === each.id}
              onClick={() => open.value = open.value === each.id ? null : each.id}
            >
              Chart
            </button>
            {open.value === each.id && (
              <BreakerChart key={each.id} id={each.id} changedAt={each.changedAt} />
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
