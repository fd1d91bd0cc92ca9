/** The overview: what needs somebody first, then how everything goes. */
import { at, call, type Page, session, ui } from "./api.ts";
import { counts, rateOf, samples, sumBy, useCounts } from "./counts.ts";
import { Icon, type IconName } from "./icons.tsx";
import { Failure } from "./lists.tsx";
import { Ago, Empty, Panel, Pill, useLoad, useTitle } from "./parts.tsx";
import { MachineTable, NextFirings } from "./overview_tables.tsx";
import type { ActorLine, Count, JobResource } from "./resources.ts";
import { Sparkline } from "./sparkline.tsx";
import { short } from "./amount.ts";
import { shortId, spoken } from "./words.ts";

const CARDS = [
  ["running", "on"],
  ["pending", "mute"],
  ["scheduled", "mute"],
  ["retry", "warn"],
  ["dead_letter", "bad"],
  ["succeeded", "ok"],
  ["cancelled", "mute"],
] as const;

interface Broken {
  readonly name: string;
  readonly state: string;
}

interface Worker {
  readonly state: string;
  readonly types: readonly string[];
}

interface QueueLine {
  readonly name: string;
  readonly state: string;
}

/** `/ui/`. */
export function OverviewPage() {
  useTitle("Overview");
  useCounts();
  const all = counts.value ?? [];
  const byState = sumBy(all, ({ state }) => state);
  const queues = useLoad((signal) => call<Page<QueueLine>>("/queues", { signal }), [], 5_000);
  const stalled = useLoad((signal) => stuckActors(signal), [], 5_000);
  const breakers = useLoad((signal) => call<Page<Broken>>("/breakers", { signal }), [], 5_000);
  const workers = useLoad((signal) => call<Page<Worker>>("/workers", { signal }), [], 5_000);
  const dead = useLoad(
    (signal) => call<Page<JobResource>>("/dead-letters?limit=8", { signal }),
    [],
    0,
    [byState.get("dead_letter")],
  );
  const alive = workers.data?.items.filter(({ state }) => state === "alive") ?? [];
  const problems = problemsOf(
    byState,
    queues.data?.items ?? [],
    stalled.data ?? [],
    (breakers.data?.items ?? []).filter(({ state }) => state === "open"),
    workers.data !== null && alive.length === 0,
  );
  return (
    <div class="page">
      <header class="head">
        <h1>Overview</h1>
      </header>
      <Problems problems={problems} isKnown={counts.value !== null} />
      <section class="cards" aria-label="Jobs by state" aria-busy={counts.value === null}>
        {CARDS.map(([state, tone]) => (
          <Card
            key={state}
            state={state}
            tone={tone}
            count={counts.value ? byState.get(state) ?? 0 : null}
          />
        ))}
      </section>
      <div class="columns">
        <div class="stack">
          <Panel title="Queues" aside={<a href="/ui/queues">all</a>}>
            {counts.value && (
              <QueueTable
                counts={all}
                queues={queues.data?.items ?? []}
                types={alive.flatMap(({ types }) => types)}
              />
            )}
          </Panel>
          <Panel title="Machines" aside={<a href="/ui/machines">all</a>}>
            <MachineTable />
          </Panel>
        </div>
        <div class="stack">
          <Panel title="Newest dead letters" aside={<a href="/ui/dead-letters">all</a>}>
            <Failure error={dead.error} retry={dead.reload} />
            {dead.data && <DeadList items={dead.data.items.toSorted(newestFirst)} />}
          </Panel>
          <Panel title="Fires next" aside={<a href="/ui/schedules">all</a>}>
            <NextFirings />
          </Panel>
        </div>
      </div>
    </div>
  );
}

/** Actors that wait for somebody. */
async function stuckActors(signal: AbortSignal): Promise<ActorLine[]> {
  const pages = await Promise.all(
    ["stalled", "blocked"].map((status) =>
      call<Page<ActorLine>>(`${at("actors")}?status=${status}&limit=50`, { signal })
    ),
  );
  return pages.flatMap(({ items }) => items);
}

interface Problem {
  readonly icon: IconName;
  readonly tone: string;
  readonly text: string;
  readonly href: string;
}

function problemsOf(
  byState: ReadonlyMap<string, number>,
  queues: readonly QueueLine[],
  stuck: readonly ActorLine[],
  open: readonly Broken[],
  isDeserted: boolean,
): Problem[] {
  const found: Problem[] = [];
  if (isDeserted) {
    found.push({ icon: "warn", tone: "bad", text: "No worker is alive", href: "/ui/workers" });
  }
  const dead = byState.get("dead_letter") ?? 0;
  if (dead > 0) {
    found.push({
      icon: "dead",
      tone: "bad",
      text: `${short(dead)} dead ${dead === 1 ? "letter" : "letters"}`,
      href: "/ui/dead-letters",
    });
  }
  for (const status of new Set(stuck.map((each) => each.status))) {
    const count = stuck.filter((each) => each.status === status).length;
    found.push({
      icon: "warn",
      tone: "bad",
      text: `${count} ${count === 1 ? "actor is" : "actors are"} ${status}`,
      href: `/ui/actors?q=status:${status}`,
    });
  }
  if (open.length > 0) {
    found.push({
      icon: "block",
      tone: "bad",
      text: open.length === 1
        ? `Breaker of ${open[0]?.name} is open`
        : `${open.length} breakers are open`,
      href: "/ui/machines/breaker",
    });
  }
  const held = queues.filter(({ state }) => state === "paused" || state === "draining");
  if (held.length > 0) {
    found.push({
      icon: "bars",
      tone: "hold",
      text: `${held.length === 1 ? `Queue ${held[0]?.name} is` : `${held.length} queues are`} ${
        held[0]?.state
      }`,
      href: "/ui/queues",
    });
  }
  const retry = byState.get("retry") ?? 0;
  if (retry > 0) {
    found.push({
      icon: "again",
      tone: "warn",
      text: `${short(retry)} ${retry === 1 ? "waits" : "wait"} for another attempt`,
      href: "/ui/jobs?q=state:retry",
    });
  }
  return found;
}

function Problems(
  { problems, isKnown }: { readonly problems: readonly Problem[]; readonly isKnown: boolean },
) {
  if (!isKnown) return <div class="problems" aria-busy="true" />;
  if (problems.length === 0) {
    return (
      <p class="problems calm">
        <Icon name="check" />Nothing needs you
      </p>
    );
  }
  return (
    <ul class="problems" aria-label="What needs you">
      {problems.map(({ icon, tone, text, href }) => (
        <li key={text}>
          <a class={`problem ${tone}`} href={href}>
            <Icon name={icon} />
            <bdi>{text}</bdi>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Card(
  { state, tone, count }: {
    readonly state: string;
    readonly tone: string;
    readonly count: number | null;
  },
) {
  const rate = rateOf(state);
  const history = samples.value.map(({ byState }) => byState.get(state) ?? 0);
  return (
    <a class={`card ${count ? tone : ""}`} href={`/ui/jobs?q=state:${state}`} data-count={state}>
      <span>{spoken(state)}</span>
      <strong>{count === null ? "–" : short(count)}</strong>
      <small>
        {rate !== null && rate > 0
          ? `+${rate < 10 ? rate.toFixed(1) : short(Math.round(rate))}/s`
          : " "}
      </small>
      <Sparkline values={history} tone={tone} label={spoken(state)} />
    </a>
  );
}

const MAIL = ', "payload": {"to": "ada@example.com", "subject": "Hi"}';

/** Stores a job that a program as it is can run; to be copied to a terminal. */
function FirstCall({ types }: { readonly types: readonly string[] }) {
  const type = types.includes("debug.noop") ? "debug.noop" : "email.send";
  const words = [
    `curl ${location.origin}/jobs`,
    "-H 'content-type: application/json'",
    ...session.value?.auth === "keys" ? ['-H "authorization: Bearer $KEY"'] : [],
    `-d '{"type": "${type}"${type === "email.send" ? MAIL : ""}}'`,
  ];
  return <pre tabIndex={0}>{words.join(" \\\n  ")}</pre>;
}

function QueueTable({ counts, queues, types }: {
  readonly counts: readonly Count[];
  readonly queues: readonly QueueLine[];
  /** Of jobs that workers serve. */
  readonly types: readonly string[];
}) {
  const names = [...new Set(counts.map(({ queue }) => queue))].sort();
  if (names.length === 0) {
    return (
      <Empty title="No jobs yet">
        <p class="soft">
          Store the first one; a worker takes it, and you see it here. <a href="/docs">How</a>
        </p>
        <FirstCall types={types} />
      </Empty>
    );
  }
  const of = (queue: string, ...states: string[]) =>
    counts.filter((each) => each.queue === queue && states.includes(each.state)).reduce(
      (sum, { count }) => sum + count,
      0,
    );
  return (
    <div class="scroll flat" tabIndex={0} role="group" aria-label="Queues">
      <table>
        <thead>
          <tr>
            <th>Queue</th>
            <th class="right">Waiting</th>
            <th class="right">Running</th>
            <th class="right">Retry</th>
            <th class="right">Dead</th>
            <th class="right">Done</th>
          </tr>
        </thead>
        <tbody>
          {names.map((name) => {
            const state = queues.find((each) => each.name === name)?.state ?? "open";
            return (
              <tr key={name}>
                <td>
                  <a class="clip" href={`/ui/jobs?q=${encodeURIComponent(`queue:${name}`)}`}>
                    <bdi>{name}</bdi>
                  </a>{" "}
                  {state !== "open" && <Pill state={state} />}
                </td>
                <td class="number right">{short(of(name, "pending", "scheduled"))}</td>
                <td class="number right">{short(of(name, "running"))}</td>
                <td class="number right">{short(of(name, "retry"))}</td>
                <td class={`number right ${of(name, "dead_letter") > 0 ? "badtext" : ""}`}>
                  {short(of(name, "dead_letter"))}
                </td>
                <td class="number right">{short(of(name, "succeeded", "cancelled"))}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** They are listed by when they were made; here it counts when they ended. */
function newestFirst(a: JobResource, b: JobResource): number {
  return (b.finishedAt ?? "").localeCompare(a.finishedAt ?? "");
}

function DeadList({ items }: { readonly items: readonly JobResource[] }) {
  if (items.length === 0) return <p class="soft">none</p>;
  return (
    <ul class="rows dead">
      {items.map((job) => (
        <li key={job.id}>
          <a class="mono" href={ui("jobs", job.id)}>{shortId(job.id)}</a>
          <span class="grow clip badtext">
            <bdi>{job.lastError?.message ?? "no message"}</bdi>
          </span>
          <Ago at={job.finishedAt} />
        </li>
      ))}
    </ul>
  );
}
