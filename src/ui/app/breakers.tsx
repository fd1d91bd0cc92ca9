/** Breakers: what is kept from being called, until when, and a hand on them. */
import { at, call, may, type Page, send } from "./api.ts";
import { Confirm } from "./dialog.tsx";
import { Ago, Countdown, lazy, Panel, Pill, useLoad } from "./parts.tsx";
import { setQuery, word } from "./place.ts";
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

/** All of them, again and again. */
export function useBreakers() {
  return useLoad((signal) => call<Page<Breaker>>("/breakers", { signal }), [], 3_000);
}

/** The breakers; nothing where there are none. */
export function Breakers() {
  const { data, reload } = useBreakers();
  if (!data || data.items.length === 0) return null;
  return (
    <div class="stack">
      <Panel title="Breakers" name="breakers">
        <BreakerList items={data.items} reload={reload} />
      </Panel>
    </div>
  );
}

interface ListProps {
  readonly items: readonly Breaker[];
  readonly reload: () => void;
}

/** A line for each; one that is opened shows its chart. */
export function BreakerList({ items, reload }: ListProps) {
  const chosen = word("breaker");
  return (
    <ul class="rows">
      {items.map((each) => {
        const isOpen = each.id === chosen;
        return (
          <li key={each.id} data-breaker={each.id}>
            <button
              type="button"
              class="plain"
              aria-expanded={isOpen}
              onClick={() => setQuery({ breaker: isOpen ? null : each.id })}
            >
              {each.kind} <bdi>{each.name}</bdi>
            </button>
            <Pill
              state={each.state === "open" ? "failed" : each.state}
              label={spoken(each.state)}
            />
            <span class="soft grow">
              {each.failures} {each.failures === 1 ? "failure" : "failures"} · changed{" "}
              <Ago at={each.changedAt} />
              {each.openUntil && each.state === "open" && (
                <>
                  {" "}· probes in <Countdown at={each.openUntil} />
                </>
              )}
            </span>
            {may("admin") && <Hands breaker={each} reload={reload} />}
            {isOpen && <BreakerChart key={each.id} id={each.id} changedAt={each.changedAt} />}
          </li>
        );
      })}
    </ul>
  );
}

/** Opened and closed by hand, asked once more. */
function Hands(
  { breaker: { id, state }, reload }: {
    readonly breaker: Breaker;
    readonly reload: () => void;
  },
) {
  const tell = async (verb: string) => {
    await send(`${at("breakers", id)}/${verb}`, { reason: "from the page" });
    reload();
  };
  return (
    <div class="actions">
      {state === "open"
        ? (
          <Confirm label="Close…" title="Close this breaker?" tone="" act={() => tell("close")}>
            <p>Everything that waits behind it may start at once.</p>
          </Confirm>
        )
        : (
          <Confirm label="Open…" title="Open this breaker?" act={() => tell("open")}>
            <p>Nothing of it starts until somebody closes it.</p>
          </Confirm>
        )}
    </div>
  );
}
