/** The machines there are. */
import { at, call, type Page, queryOf, ui } from "./api.ts";
import { Failure } from "./lists.tsx";
import { useLoad, useTitle } from "./parts.tsx";
import type { MachineLine } from "./resources.ts";

/** `/ui/machines`. */
export function MachinesPage() {
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
