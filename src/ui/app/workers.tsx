/** Workers: who beats, what they run, which version. */
import { call, type Page } from "./api.ts";
import { Failure, isMissing, NotHere, Table } from "./lists.tsx";
import { Ago, Empty, Pill, useLoad, useTitle } from "./parts.tsx";

interface Worker {
  readonly id: string;
  readonly state: string;
  readonly version: string;
  readonly startedAt: string;
  readonly heartbeatAt: string;
  readonly running: number;
  readonly concurrency: number;
  readonly types: readonly string[];
  readonly machines: readonly string[];
  readonly queues: readonly string[] | null;
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
        <Table label="Workers" heads={HEADS}>
          {data.items.map((each) => <WorkerRow key={each.id} worker={each} />)}
        </Table>
      )}
    </div>
  );
}

const HEADS = ["Worker", "State", "Running", "Version", "Queues", "Serves", "Started", "Heartbeat"];

function WorkerRow({ worker }: { readonly worker: Worker }) {
  const isAlive = worker.state === "alive";
  return (
    <tr data-worker={worker.id}>
      <td class="mono" title={worker.id}>{worker.id.slice(-12)}</td>
      <td>
        <Pill state={isAlive ? "active" : "failed"} label={worker.state} />
      </td>
      <td>
        <Load running={worker.running} of={worker.concurrency} />
      </td>
      <td class="mono">{worker.version}</td>
      <td>{worker.queues?.join(", ") ?? "all"}</td>
      <td class="clip" title={[...worker.types, ...worker.machines].join(", ")}>
        {worker.types.length} types, {worker.machines.length} machines
      </td>
      <td class="soft">
        <Ago at={worker.startedAt} />
      </td>
      <td class="soft">
        <Ago at={worker.heartbeatAt} />
      </td>
    </tr>
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
