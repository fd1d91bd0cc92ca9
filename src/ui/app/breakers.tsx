/** Breakers: what is kept from being called, and until when. */
import { call, type Page } from "./api.ts";
import { useLoad } from "./load.ts";
import { Ago, Countdown, Panel, Pill } from "./parts.tsx";
import { spoken } from "./words.ts";

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
          </li>
        ))}
      </ul>
    </Panel>
  );
}
