/** Dead letters by fingerprint: what failed alike is looked at, and brought back, together. */
import { useSignal } from "@preact/signals";
import { systemClock } from "../../core/clock.ts";
import { call, may, type Page, Problem, queryOf, send, ui } from "./api.ts";
import { Dialog } from "./dialog.tsx";
import { Icon } from "./icons.tsx";
import { Failure, Table } from "./lists.tsx";
import { Ago, Empty, useAction, useLoad, useTitle } from "./parts.tsx";
import { go, setQuery, word } from "./place.ts";
import type { JobResource } from "./resources.ts";
import { clock, duration, shortId } from "./words.ts";

/** What failed alike. */
interface Group {
  readonly key: string;
  readonly type: string;
  readonly name: string;
  readonly message: string;
  readonly count: number;
  readonly newest: string | null;
  readonly oldest: string | null;
  /** Which dead letters it is, as operations take it. */
  readonly filter: Readonly<Record<string, unknown>>;
  /** Known where the server does not group: the newest of them. */
  readonly jobs?: readonly JobResource[];
}

/** A group as the server makes them. */
interface ServerGroup {
  readonly fingerprint: string;
  readonly count: number;
  readonly firstSeenAt: string | null;
  readonly lastSeenAt: string | null;
  readonly sample: {
    readonly type: string;
    readonly name: string | null;
    readonly message: string | null;
  } | null;
}

function groupOf({ fingerprint, count, firstSeenAt, lastSeenAt, sample }: ServerGroup): Group {
  return {
    key: fingerprint,
    type: sample?.type ?? "",
    name: sample?.name ?? "Error",
    message: sample?.message ?? "no message",
    count,
    newest: lastSeenAt,
    oldest: firstSeenAt,
    filter: { state: "dead_letter", fingerprint },
  };
}

/** What errors have in common: numbers, ids and quoted words are what differs. */
function fingerprintOf(job: Pick<JobResource, "type" | "lastError">): string {
  const { name = "", message = "" } = job.lastError ?? {};
  const plain = message.slice(0, 300)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, "#")
    .replaceAll(/"[^"]*"|'[^']*'/g, "…")
    .replaceAll(/\d+/g, "#");
  return `${job.type}|${name}|${plain}`;
}

/** Groups, made here where the server makes none. */
function groupsOf(items: readonly (ServerGroup | JobResource)[]): Group[] {
  const groups = items.filter((each) => "fingerprint" in each).map(groupOf);
  const jobs = items.filter((each) => "state" in each);
  for (const [key, found] of Map.groupBy(jobs, fingerprintOf)) {
    const [newest] = found;
    groups.push({
      key,
      type: newest?.type ?? "",
      name: newest?.lastError?.name ?? "Error",
      message: newest?.lastError?.message ?? "no message",
      count: found.length,
      newest: newest?.finishedAt ?? null,
      oldest: found.at(-1)?.finishedAt ?? null,
      filter: { ids: found.map(({ id }) => id) },
      jobs: found,
    });
  }
  return groups.sort((a, b) => b.count - a.count);
}

/** Whether the server groups them: asked once. */
let isGrouping = true;

async function loadGroups(signal: AbortSignal): Promise<Page<ServerGroup | JobResource>> {
  const plain = "/dead-letters?limit=1000";
  if (!isGrouping) return await call(plain, { signal });
  try {
    return await call("/dead-letters?groupBy=fingerprint&limit=200", { signal });
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 400) throw error;
    isGrouping = false;
    return await call(plain, { signal });
  }
}

/** `/ui/dead-letters`. */
export function DeadLettersPage() {
  useTitle("Dead letters");
  const { data, error, reload } = useLoad(
    loadGroups,
    [],
    5_000,
  );
  const requeueing = useSignal<Group | null>(null);
  const groups = groupsOf(data?.items ?? []);
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  const all = { ...everything, count };
  return (
    <div class="page">
      <header class="head">
        <h1>
          Dead letters{data && <span class="count">{count}{data.nextCursor && "+"}</span>}
        </h1>
        <p class="soft meta">Jobs that gave up, by what failed alike.</p>
        {may("admin") && count > 0 && (
          <div class="actions">
            <button type="button" class="strong" onClick={() => requeueing.value = all}>
              Requeue all…
            </button>
          </div>
        )}
      </header>
      <Failure error={error} retry={reload} />
      {data?.items.length === 0 && (
        <Empty title="No dead letters">
          <p class="soft">
            A job lands here when its attempts are used up, or its error says that trying again is
            no use.
          </p>
        </Empty>
      )}
      <div class="stack">
        {groups.map((group) => (
          <GroupRow
            key={group.key}
            group={group}
            onRequeue={() => requeueing.value = group}
          />
        ))}
      </div>
      {requeueing.value && (
        <Requeue
          group={requeueing.value}
          onClose={() => requeueing.value = null}
        />
      )}
    </div>
  );
}

const everything: Group = {
  key: "",
  type: "",
  name: "",
  message: "All of them",
  count: 0,
  newest: null,
  oldest: null,
  filter: { state: "dead_letter" },
};

interface RowProps {
  readonly group: Group;
  readonly onRequeue: () => void;
}

function GroupRow({ group, onRequeue }: RowProps) {
  const { key, count } = group;
  const isOpen = word("group") === key;
  return (
    <section class="panel" aria-label={`${count} alike`} data-fingerprint={key}>
      <div class="row">
        <span class="count bad">
          <Icon name="cross" /> {count}
        </span>
        <div class="grow">
          <h2>
            <button
              type="button"
              class="plain"
              aria-expanded={isOpen}
              onClick={() => setQuery({ group: isOpen ? null : key })}
            >
              <bdi>{group.name}: {group.message.slice(0, 200)}</bdi>
            </button>
          </h2>
          <p class="soft">
            <bdi>{group.type}</bdi> · newest <Ago at={group.newest} /> · oldest{" "}
            <Ago at={group.oldest} />
          </p>
        </div>
        {may("admin") && <button type="button" onClick={onRequeue}>Requeue {count}…</button>}
      </div>
      {isOpen && <Letters group={group} />}
    </section>
  );
}

function Letters({ group }: { readonly group: Group }) {
  const path = `/dead-letters${queryOf({ fingerprint: group.key, limit: 100 })}`;
  const { data } = useLoad(
    (signal) => group.jobs ? Promise.resolve(null) : call<Page<JobResource>>(path, { signal }),
    [path, group.jobs],
  );
  const jobs = group.jobs?.slice(0, 100) ?? data?.items ?? [];
  return (
    <Table
      label="Dead letters"
      look="flat tall"
      heads={["Job", "Queue", "Attempts", "Ended", "Error"]}
    >
      {jobs.map((job) => (
        <tr key={job.id} data-job={job.id}>
          <td>
            <a class="mono" href={ui("jobs", job.id)}>{shortId(job.id)}</a>
          </td>
          <td>
            <bdi>{job.queue}</bdi>
          </td>
          <td class="number">{job.attempt}/{job.maxAttempts}</td>
          <td class="soft">
            <Ago at={job.finishedAt} />
          </td>
          <td class="clip">
            <bdi>{job.lastError?.message}</bdi>
          </td>
        </tr>
      ))}
    </Table>
  );
}

interface Begun {
  readonly operationId: string | null;
  readonly matched: number;
  /** Some of them, of a dry run. */
  readonly sample?: readonly JobResource[];
}

/** Now, by both clocks: this browser's may be behind. */
function instantAfter(newest: string | null): string {
  const theirs = Date.parse(newest ?? "") || 0;
  return new Date(Math.max(systemClock.now(), theirs + 1)).toISOString();
}

/** The selection is frozen when the dialog opens: what dies later is not in it. */
function Requeue({ group, onClose }: { readonly group: Group; readonly onClose: () => void }) {
  const to = useSignal(instantAfter(group.newest)).value;
  const rate = useSignal("50");
  const seen = useSignal<Begun | null>(null);
  const { isBusy, run } = useAction();
  const body = {
    action: "requeue",
    filter: { ...group.filter, to },
    ...rate.value === "" ? {} : { ratePerSecond: Number(rate.value) },
  };
  const begin = async (dryRun: boolean) => {
    try {
      return await send<Begun>("/operations", { ...body, dryRun });
    } catch (error) {
      if (!(error instanceof Problem) || ![404, 405].includes(error.status)) throw error;
      const { ids } = group.filter;
      return await send<Begun>("/admin/retry-failed", { to, dryRun, ...ids ? { ids } : {} });
    }
  };
  const check = () => run(async () => seen.value = await begin(true));
  const fire = () =>
    run(async () => {
      const { operationId } = await begin(false);
      onClose();
      go(`/ui/operations${queryOf({ id: operationId })}`);
    }, "Under way");
  return (
    <Dialog title="Requeue dead letters" onClose={onClose}>
      <p>
        <bdi>{group.message.slice(0, 300)}</bdi>
      </p>
      <p class="soft">
        Frozen at{" "}
        {clock(to)}: what dies after that is left alone. Each starts anew, with all its attempts.
      </p>
      <label>
        At most a second
        <input
          type="number"
          min={1}
          placeholder="no limit"
          value={rate.value}
          onInput={(e) => rate.value = e.currentTarget.value}
        />
      </label>
      {seen.value !== null && (
        <div role="status" class="foreseen">
          <p>
            <Icon name="check" /> {seen.value.matched} would be requeued
            {Number(rate.value) > 0 &&
              `, in about ${duration(seen.value.matched / Number(rate.value) * 1_000)}`}.
          </p>
          <p class="soft">
            {(seen.value.sample ?? []).slice(0, 5).map((job) => (
              <span key={job.id} class="tag mono">{shortId(job.id)}</span>
            ))}
          </p>
        </div>
      )}
      <div class="buttons">
        <button type="button" onClick={onClose}>Close</button>
        <button type="button" disabled={isBusy} onClick={() => void check()}>Check</button>
        <button type="button" class="strong" disabled={isBusy} onClick={() => void fire()}>
          Requeue
        </button>
      </div>
    </Dialog>
  );
}
