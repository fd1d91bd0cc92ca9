/** Workers: who beats, what they run, which version. */
import { call, type Page } from "./api.ts";
import { useLoad } from "./load.ts";
import { Ago, Empty, Failure, isMissing, NotHere, Pill, useTitle } from "./parts.tsx";

interface Worker {
  readonly id: string;
  readonly name?: string;
  readonly state?: string;
  readonly host?: string;
  readonly pid?: number;
  readonly version?: string;
  readonly running?: number;
  readonly capacity?: number;
  readonly concurrency?: number;
  readonly startedAt?: string;
  readonly heartbeatAt?: string;
  readonly lastSeenAt?: string;
  readonly queues?: readonly string[] | null;
}

/** `/ui/workers`. */
export function WorkersPage() {
  useTitle("Workers");
  const { data, error, reload } = useLoad(
    (signal) => call<Page<Worker>>("/workers", { signal }),
    [],
    3_000,
  );
  return (
    <div class="page">
      <header class="head">
        <h1>Workers</h1>
      </header>
      {isMissing(error)
        ? <NotHere what="Workers" path="/workers" />
        : <Failure error={error} retry={reload} />}
      {data?.items.length === 0 && (
        <Empty title="No worker is alive">
          <p class="soft">
            Jobs are taken all the same, and wait. <code>deno task worker</code> starts one.
          </p>
        </Empty>
      )}
      {data && data.items.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Workers">
          <table>
            <thead>
              <tr>
                <th>Worker</th>
                <th>State</th>
                <th>Running</th>
                <th>Host</th>
                <th>Version</th>
                <th>Queues</th>
                <th>Started</th>
                <th>Heartbeat</th>
              </tr>
            </thead>
            <tbody>
              {data.items.map((each) => (
                <tr key={each.id} data-worker={each.id}>
                  <td class="mono" title={each.id}>{each.name ?? each.id.slice(-12)}</td>
                  <td>
                    <Pill state={each.state ?? "active"} />
                  </td>
                  <td>
                    <Load
                      running={each.running ?? 0}
                      of={each.capacity ?? each.concurrency ?? null}
                    />
                  </td>
                  <td>
                    <bdi>{each.host}</bdi>
                    {each.pid !== undefined && <span class="soft">:{each.pid}</span>}
                  </td>
                  <td class="mono">{each.version ?? "–"}</td>
                  <td>{each.queues?.join(", ") ?? "all"}</td>
                  <td class="soft">
                    <Ago at={each.startedAt ?? null} />
                  </td>
                  <td class="soft">
                    <Ago at={each.heartbeatAt ?? each.lastSeenAt ?? null} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function Load({ running, of }: { readonly running: number; readonly of: number | null }) {
  return (
    <span class="load">
      {of !== null && (
        <meter min={0} max={of} value={running} aria-label={`${running} of ${of} running`} />
      )}
      <span class="number">{running}{of !== null && ` / ${of}`}</span>
    </span>
  );
}
