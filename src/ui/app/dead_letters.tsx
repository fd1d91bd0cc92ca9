/** Dead letters by fingerprint: what failed alike is looked at, and brought back, together. */
import { useSignal } from "@preact/signals";
import { call, type Page, send, ui } from "./api.ts";
import { Dialog, useAction } from "./dialog.tsx";
import { Icon } from "./icons.tsx";
import { useLoad } from "./load.ts";
import { Ago, Empty, Failure, now, useTitle } from "./parts.tsx";
import { go, place, setQuery } from "./place.ts";
import type { JobResource } from "./resources.ts";
import { may } from "./session.ts";
import { shortId } from "./words.ts";

interface Group {
  readonly key: string;
  readonly type: string;
  readonly name: string;
  readonly message: string;
  readonly jobs: readonly JobResource[];
}

/** What errors have in common: numbers, ids and quoted words are what differs. */
export function fingerprintOf(job: Pick<JobResource, "type" | "lastError">): string {
  const { name = "", message = "" } = job.lastError ?? {};
  const plain = message.slice(0, 300)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, "#")
    .replaceAll(/"[^"]*"|'[^']*'/g, "…")
    .replaceAll(/\d+/g, "#");
  return `${job.type}|${name}|${plain}`;
}

function groupsOf(jobs: readonly JobResource[]): Group[] {
  const groups = Map.groupBy(jobs, fingerprintOf);
  return [...groups].map(([key, found]) => {
    const [first] = found;
    return {
      key,
      type: first?.type ?? "",
      name: first?.lastError?.name ?? "Error",
      message: first?.lastError?.message ?? "no message",
      jobs: found,
    };
  }).sort((a, b) => b.jobs.length - a.jobs.length);
}

/** `/ui/dead-letters`. */
export function DeadLettersPage() {
  useTitle("Dead letters");
  const { data, error, reload } = useLoad(
    (signal) => call<Page<JobResource>>("/dead-letters?limit=1000", { signal }),
    [],
    5_000,
  );
  const requeueing = useSignal<Group | null>(null);
  const groups = groupsOf(data?.items ?? []);
  const all: Group = {
    key: "",
    type: "",
    name: "",
    message: "all of them",
    jobs: data?.items ?? [],
  };
  return (
    <div class="page">
      <header class="head">
        <h1>
          Dead letters{data && (
            <span class="count">{data.items.length}{data.nextCursor && "+"}</span>
          )}
        </h1>
        <p class="soft meta">
          Jobs that gave up. {data?.nextCursor && "The newest 1,000 are shown."}
        </p>
        {may("admin") && all.jobs.length > 0 && (
          <div class="actions">
            <button type="button" onClick={() => requeueing.value = all}>
              Requeue all {all.jobs.length}…
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

function GroupRow({ group, onRequeue }: { readonly group: Group; readonly onRequeue: () => void }) {
  const { key, jobs } = group;
  const isOpen = place.value.searchParams.get("group") === key;
  return (
    <section class="panel" aria-label={`${jobs.length} alike`} data-fingerprint={key}>
      <div class="row">
        <span class="count bad">
          <Icon name="cross" />
          {jobs.length}
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
            <bdi>{group.type}</bdi> · newest <Ago at={jobs[0]?.finishedAt ?? null} /> · oldest{" "}
            <Ago at={jobs.at(-1)?.finishedAt ?? null} />
          </p>
        </div>
        {may("admin") && (
          <button type="button" class="strong" onClick={onRequeue}>Requeue {jobs.length}…</button>
        )}
      </div>
      {isOpen && <Letters jobs={jobs} />}
    </section>
  );
}

function Letters({ jobs }: { readonly jobs: readonly JobResource[] }) {
  return (
    <div class="scroll flat tall" tabIndex={0} role="region" aria-label="Dead letters">
      <table>
        <thead>
          <tr>
            <th>Job</th>
            <th>Queue</th>
            <th>Attempts</th>
            <th>Ended</th>
            <th>Error</th>
          </tr>
        </thead>
        <tbody>
          {jobs.slice(0, 200).map((job) => (
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
        </tbody>
      </table>
    </div>
  );
}

/** The selection is frozen when the dialog opens: what dies later is not in it. */
function Requeue({ group, onClose }: { readonly group: Group; readonly onClose: () => void }) {
  const frozen = useSignal({ ids: group.jobs.map(({ id }) => id), at: new Date(now.value) });
  const seen = useSignal<{ matched: number } | null>(null);
  const { isBusy, run } = useAction();
  const { ids, at } = frozen.value;
  const body = { ids };
  const check = () =>
    run(async () => seen.value = await send("/admin/retry-failed", { ...body, dryRun: true }));
  const fire = () =>
    run(async () => {
      const { operationId } = await send<{ operationId: string }>("/admin/retry-failed", body);
      onClose();
      go(`/ui/operations?id=${operationId}`);
    }, "Under way");
  return (
    <Dialog
      title={`Requeue ${ids.length} dead ${ids.length === 1 ? "letter" : "letters"}`}
      onClose={onClose}
    >
      <p>
        <bdi>{group.message.slice(0, 300)}</bdi>
      </p>
      <p class="soft">
        Frozen at{" "}
        {at.toLocaleTimeString("en-GB")}: what dies after that is left alone. Each starts anew, with
        all its attempts.
      </p>
      {seen.value && (
        <p role="status" class="foreseen">
          <Icon name="check" /> {seen.value.matched} of {ids.length} would be requeued.
        </p>
      )}
      <div class="buttons">
        <button type="button" onClick={onClose}>Close</button>
        <button type="button" disabled={isBusy} onClick={() => void check()}>Check</button>
        <button type="button" class="strong" disabled={isBusy} onClick={() => void fire()}>
          Requeue {ids.length}
        </button>
      </div>
    </Dialog>
  );
}
