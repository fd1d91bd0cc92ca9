/** Tables of the overview: the machines with who is where, and what fires next. */
import { at, call, type Page, ui } from "./api.ts";
import { counts, sumBy } from "./counts.ts";
import { Table } from "./lists.tsx";
import { Countdown, useLoad } from "./parts.tsx";
import type { MachineLine } from "./resources.ts";
import { short } from "./amount.ts";

interface Group {
  readonly status: string;
  readonly count: number;
}

/** How many of a machine are on their way, held up, and over. */
type Standing = readonly [id: string, states: number, living: number, held: number, over: number];

const HELD = ["stalled", "blocked", "error"];

async function standings(signal: AbortSignal): Promise<Standing[]> {
  const { items } = await call<Page<MachineLine>>("/machines", { signal });
  return await Promise.all(items.map(async ({ id, states }): Promise<Standing> => {
    if (id === "job") return [id, states, 0, 0, 0];
    if (id === "breaker") {
      const { items } = await call<Page<{ state: string }>>("/breakers", { signal });
      const open = items.filter(({ state }) => state === "open").length;
      return [id, states, items.length - open, open, 0];
    }
    const groups = await call<Page<Group>>(at("machines", id, "counts"), { signal });
    const of = (...statuses: string[]) =>
      groups.items.filter(({ status }) => statuses.includes(status))
        .reduce((sum, { count }) => sum + count, 0);
    return [id, states, of("active", "paused"), of(...HELD), of("done")];
  }));
}

/** The machines. */
export function MachineTable() {
  const { data } = useLoad(standings, [], 10_000);
  const jobs = sumBy(counts.value ?? [], ({ state }) => state);
  const of = (...states: string[]) => states.reduce((sum, each) => sum + (jobs.get(each) ?? 0), 0);
  const living = of("pending", "scheduled", "running", "retry");
  const job = [living, of("dead_letter"), of("succeeded", "cancelled")] as const;
  return (
    <Table
      label="Machines"
      look="flat figures"
      heads={["Machine", "States", "On its way", "Held", "Over"]}
    >
      {(data ?? []).map(([id, states, ...standing]) => {
        const [living, held, over] = id === "job" ? job : standing;
        return (
          <tr key={id}>
            <td>
              <a href={ui("machines", id)}>
                <bdi>{id}</bdi>
              </a>
            </td>
            <td class="number">{states}</td>
            <td class="number">{short(living)}</td>
            <td class={`number ${held > 0 ? "badtext" : ""}`}>{short(held)}</td>
            <td class="number">{short(over)}</td>
          </tr>
        );
      })}
    </Table>
  );
}

interface Firing {
  readonly id: string;
  readonly paused: boolean;
  readonly nextFireAt: string | null;
}

/** The schedules that fire next. */
export function NextFirings() {
  const { data } = useLoad(
    (signal) => call<Page<Firing>>("/schedules", { signal }),
    [],
    10_000,
  );
  if (!data) return null;
  const next = data.items.filter(({ nextFireAt, paused }) => nextFireAt && !paused)
    .toSorted((a, b) => (a.nextFireAt ?? "").localeCompare(b.nextFireAt ?? "")).slice(0, 5);
  if (next.length === 0) return <p class="soft">nothing</p>;
  return (
    <ul class="rows">
      {next.map(({ id, nextFireAt }) => (
        <li key={id}>
          <a class="grow" href={ui("schedules", id)}>
            <bdi>{id}</bdi>
          </a>
          <Countdown at={nextFireAt ?? ""} />
        </li>
      ))}
    </ul>
  );
}
