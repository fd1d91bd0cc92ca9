/** Two instances of one machine: both paths on one chart, and the step at which they part. */
import { useMemo } from "preact/hooks";
import { at, call, type Page, queryOf, ui } from "./api.ts";
import { ChartView, loadChart, type MachineChart } from "./chart.tsx";
import { contextDiff, partingOf, pathsOver } from "./comparing.ts";
import { Diff } from "./diff.tsx";
import { layOver } from "./laying.ts";
import { Failure, Table } from "./lists.tsx";
import { Empty, Panel, useLoad, useTitle } from "./parts.tsx";
import type { Step } from "./lit.ts";
import { setQuery, word } from "./place.ts";
import { eventWords, shortId } from "./words.ts";

const STEPS = 1_000;

interface Instance {
  readonly id: string;
  readonly state: string;
  readonly machine?: string;
  readonly machineVersion?: string;
  readonly context?: unknown;
  readonly payload?: unknown;
}

interface Told {
  readonly instance: Instance;
  readonly steps: readonly Step[];
}

async function tell(kind: string, id: string, signal: AbortSignal): Promise<Told> {
  const path = at(kind, id);
  const [instance, page] = await Promise.all([
    call<Instance>(path, { signal }),
    call<Page<Step>>(`${path}/transitions${queryOf({ limit: STEPS })}`, { signal }),
  ]);
  return { instance, steps: page.items };
}

interface Both {
  readonly chart: MachineChart;
  readonly a: Told;
  readonly b: Told;
}

async function loadBoth(kind: string, ids: readonly string[], signal: AbortSignal) {
  const [a, b] = await Promise.all(ids.map((id) => tell(kind, id, signal)));
  if (!a || !b) throw new Error("There are two to compare");
  const { machine = "job", machineVersion = null } = a.instance;
  return { a, b, chart: await loadChart(machine, machineVersion, signal) };
}

/** `/ui/compare/actors/{id}?with=`, and of jobs. */
export function ComparePage({ id: path }: { readonly id: string }) {
  useTitle("Compare");
  const [kind = "", ...rest] = path.split("/");
  const id = rest.join("/");
  const other = word("with") ?? "";
  const { data, error, reload } = useLoad<Both | null>(
    (signal) => other ? loadBoth(kind, [id, other], signal) : Promise.resolve(null),
    [kind, id, other],
  );
  return (
    <div class="page compare">
      <header class="head">
        <h1>Compare</h1>
        <p class="soft meta">
          <a href={ui(kind, id)}>
            <bdi>{shortId(id)}</bdi>
          </a>{" "}
          with another {kind.slice(0, -1)}
        </p>
      </header>
      <Other kind={kind} id={id} other={other} />
      {error && <Failure error={error} retry={reload} />}
      {error && <p class="soft">Is there such a one? Both have to be {kind}.</p>}
      {data && <Compared both={data} ids={[id, other]} kind={kind} />}
    </div>
  );
}

/** Who it is compared with: others of its machine are offered. */
function Other(
  { kind, id, other }: { readonly kind: string; readonly id: string; readonly other: string },
) {
  const near = useLoad(async (signal) => {
    const instance = await call<Instance>(at(kind, id), { signal });
    const query = queryOf({ machine: instance.machine, limit: 30 });
    const { items } = await call<Page<Instance>>(`/${kind}${query}`, { signal });
    return items.map((each) => each.id).filter((each) => each !== id);
  }, [kind, id]).data ?? [];
  return (
    <form
      class="querybar"
      onSubmit={(event) => {
        event.preventDefault();
        const typed = new FormData(event.currentTarget).get("with");
        setQuery({ with: typeof typed === "string" ? typed.trim() : null }, "push");
      }}
    >
      <input name="with" required aria-label="Compare with" list="others" defaultValue={other} />
      <datalist id="others">
        {near.map((each) => <option key={each} value={each} />)}
      </datalist>
      <button type="submit" class="strong">Compare</button>
    </form>
  );
}

interface ComparedProps {
  readonly both: Both;
  readonly ids: readonly [string, string];
  readonly kind: string;
}

function Compared({ both: { chart, a, b }, ids, kind }: ComparedProps) {
  const over = useMemo(() => pathsOver(chart, a.steps, b.steps), [chart, a, b]);
  const parting = partingOf(a.steps, b.steps);
  const contexts = contextDiff(
    a.instance.context ?? a.instance.payload,
    b.instance.context ?? b.instance.payload,
  );
  return (
    <>
      <p>
        <span class="path-a">A</span> <bdi>{shortId(ids[0])}</bdi> <span class="path-b">B</span>
        {" "}
        <bdi>{shortId(ids[1])}</bdi> ·{" "}
        {parting === null ? "They took the same way" : `They part at step ${parting + 1}`}
      </p>
      <div class="canvas framed">
        <ChartView key={chart.hash} chart={chart} over={over} lay={layOver} />
      </div>
      <div class="columns">
        <Panel title="Step by step">
          <StepTable a={a.steps} b={b.steps} parting={parting} kind={kind} ids={ids} />
        </Panel>
        <Panel title={kind === "jobs" ? "Payload, A to B" : "Context, A to B"}>
          {contexts.length > 0 ? <Diff lines={contexts} /> : <Empty title="The same" />}
        </Panel>
      </div>
    </>
  );
}

interface StepTableProps {
  readonly a: readonly Step[];
  readonly b: readonly Step[];
  readonly parting: number | null;
  readonly kind: string;
  readonly ids: readonly [string, string];
}

function StepTable({ a, b, parting, kind, ids }: StepTableProps) {
  const length = Math.max(a.length, b.length);
  const cell = (step: Step | undefined, id: string) =>
    step
      ? (
        <td>
          <a href={`${ui(kind, id)}?step=${step.version}`}>
            <bdi>{eventWords(step.event)}</bdi>
          </a>{" "}
          <span class="soft">
            <bdi>{step.to.replaceAll(",", ", ")}</bdi>
          </span>
        </td>
      )
      : <td class="soft">–</td>;
  return (
    <Table label="Step by step" look="flat tall" heads={["Step", "A", "B"]}>
      {Array.from(
        { length },
        (_, i) => (
          <tr key={i} class={i === parting ? "bad" : ""} data-parting={i === parting}>
            <td class="number">{i + 1}</td>
            {cell(a[i], ids[0])}
            {cell(b[i], ids[1])}
          </tr>
        ),
      )}
    </Table>
  );
}
