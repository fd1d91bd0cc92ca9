/** Breakers: what is kept from being called, and until when. */
import { call, type Page } from "./api.ts";
import { useLoad } from "./load.ts";
import { Ago, Countdown, Panel, Pill } from "./parts.tsx";

interface Breaker {
  readonly name?: string;
  readonly id?: string;
  readonly type?: string;
  readonly state: string;
  readonly failures?: number;
  readonly openedAt?: string | null;
  readonly until?: string | null;
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
        {data.items.map((each) => {
          const name = each.name ?? each.id ?? each.type ?? "";
          return (
            <li key={name}>
              <bdi class="grow">{name}</bdi>
              <Pill
                state={each.state === "open" ? "failed" : each.state}
                label={each.state.replace("_", " ")}
              />
              {each.failures !== undefined && <span class="soft">{each.failures} failures</span>}
              {each.openedAt && (
                <span class="soft">
                  since <Ago at={each.openedAt} />
                </span>
              )}
              {each.until && <Countdown at={each.until} />}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
