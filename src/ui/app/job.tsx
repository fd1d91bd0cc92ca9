/** One job: its chart, its past step by step, why it is where it is, and what it accepts. */
import { useSignal } from "@preact/signals";
import { Facts } from "./facts.tsx";
import type { JobResource } from "./resources.ts";
import { at, call, callFirst, may, send, ui } from "./api.ts";
import { loadChart } from "./chart.tsx";
import { usePast } from "./following.ts";
import { glanceAt } from "./glance.ts";
import { Icon } from "./icons.tsx";
import { Instance, StepPanel } from "./instance.tsx";
import { Ago, Countdown, lazy, Panel, Pill, Raw, useAction, useLoad, useTitle } from "./parts.tsx";
import type { Past } from "./past.ts";
import { go } from "./place.ts";
import { Why } from "./why.tsx";
import { shortId } from "./words.ts";

/** Fetched when there is something to open. */
const Missing = lazy(() => import("./missing.tsx"), (module) => module.Missing);
const Dialog = lazy(() => import("./dialog.tsx"), (module) => module.Dialog);
const Tree = lazy(() => import("./tree.tsx"), (module) => module.Tree);

/** `/ui/jobs/{id}?step=n`. */
export function JobPage({ id }: { readonly id: string }) {
  useTitle(`Job ${shortId(id)}`);
  const path = at("jobs", id);
  const { data: job, error, put, reload } = useLoad(
    (signal) => callFirst<JobResource>(path, { signal }),
    [id],
  );
  const past = usePast({ kind: "job", id, path, tenantId: null, known: job, put });
  const chart = useLoad((signal) => loadChart("job", null, signal), []).data;
  if (!job || !past) {
    return error
      ? <Missing error={error} what="job" id={id} retry={reload} />
      : <div class="instance" aria-busy="true" />;
  }
  return (
    <Instance
      head={<Head job={job} put={put} />}
      side={
        <>
          <NowOrThen job={job} past={past} path={path} />
          {job.lastError && <LastError job={job} />}
          <StepPanel past={past}>
            <StepFacts past={past} />
          </StepPanel>
          <Panel title="Facts" name="facts">
            <JobFacts job={job} />
          </Panel>
        </>
      }
      chart={chart}
      past={past}
      accepts={job.accepts}
      tabs={{
        Payload: () => <Tree value={job.payload} />,
        Output: () => <Tree value={job.output} />,
        Logs: () => <Logs id={id} version={job.version} />,
        Raw: () => <Raw value={job} />,
      }}
    />
  );
}

interface ThenProps {
  readonly job: JobResource;
  readonly past: Past;
  readonly path: string;
}

/** Why it is where it is; of the past, that it is the past. */
function NowOrThen({ job, past, path }: ThenProps) {
  const version = glanceAt(past).value?.version;
  if (version === past.latest.value) return <Why path={path} version={job.version} />;
  return (
    <p class="pasttime">
      <Icon name="clock" />As it was at step {version}
    </p>
  );
}

interface HeadProps {
  readonly job: JobResource;
  readonly put: (job: JobResource) => void;
}

function Head({ job, put }: HeadProps) {
  return (
    <header class="head">
      <h1>
        <span class="crumb">
          <a href="/ui/machines/job">job</a>
        </span>
        <span class="mono">
          <bdi>{job.type}</bdi>
        </span>
        <Pill state={job.state} />
      </h1>
      <p class="soft meta">
        <span class="mono">{job.id}</span> · made <Ago at={job.createdAt} /> · queue{" "}
        <bdi>{job.queue}</bdi> · tenant <bdi>{job.tenantId}</bdi> ·{" "}
        <a href={ui("compare", "jobs", job.id)}>compare</a>
      </p>
      {may("write") && <Actions job={job} put={put} />}
    </header>
  );
}

/** What is said for an event, and how the button looks. */
const said: Readonly<Record<string, readonly [words: string, look: string]>> = {
  CANCEL: ["Cancel", "grave"],
  REQUEUE: ["Requeue", "strong"],
  RETRY_NOW: ["Retry now", "strong"],
  SCHEDULE: ["Reschedule…", ""],
};

function Actions({ job, put }: HeadProps) {
  const { isBusy, run } = useAction();
  const later = useSignal(false);
  const path = at("jobs", job.id);
  const fire = (body: object, done: string) =>
    run(async () => {
      put(await send<JobResource>(`${path}/events`, body, { version: job.version }));
    }, done);
  const rerun = () =>
    run(async () => {
      const made = await send<JobResource>(`${path}/rerun`, {});
      go(ui("jobs", made.id));
    }, "Started again: this is the new job");
  const press = (event: string) => {
    if (event === "SCHEDULE") later.value = true;
    else void fire({ type: event }, `${said[event]?.[0] ?? event}: done`);
  };
  return (
    <div class="actions" role="group" aria-label="Actions">
      {job.accepts.map((event) => (
        <button
          key={event}
          type="button"
          data-event={event}
          class={said[event]?.[1]}
          disabled={isBusy}
          onClick={() => press(event)}
        >
          {said[event]?.[0] ?? event}
        </button>
      ))}
      {job.finishedAt && (
        <button type="button" disabled={isBusy} onClick={() => void rerun()}>Run again</button>
      )}
      {later.value && (
        <Later
          onClose={() => later.value = false}
          act={(delayMs) => fire({ type: "SCHEDULE", delayMs }, "Rescheduled")}
        />
      )}
    </div>
  );
}

function Later(
  { onClose, act }: {
    readonly onClose: () => void;
    readonly act: (delayMs: number) => Promise<boolean>;
  },
) {
  const minutes = useSignal("10");
  return (
    <Dialog title="Run it later" onClose={onClose}>
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          if (await act(Math.round(Number(minutes.value) * 60_000))) onClose();
        }}
      >
        <label>
          In how many minutes<input
            type="number"
            min={0}
            max={525_600}
            step="any"
            required
            value={minutes.value}
            onInput={(e) => minutes.value = e.currentTarget.value}
          />
        </label>
        <div class="buttons">
          <button type="button" onClick={onClose}>Close</button>
          <button type="submit" class="strong">Reschedule</button>
        </div>
      </form>
    </Dialog>
  );
}

function LastError({ job }: { readonly job: JobResource }) {
  const error = job.lastError;
  if (!error) return null;
  return (
    <Panel title="Last error" aside={<Ago at={error.at} />} name="error">
      <p class="failure">
        <b>
          <bdi>{error.name}</bdi>
        </b>{" "}
        <bdi>{error.message}</bdi>
      </p>
      <p class="soft">
        {error.code && (
          <>
            <code>{error.code}</code> ·{" "}
          </>
        )}
        {!error.retryable
          ? "is not tried again"
          : job.attempt < job.maxAttempts
          ? "may be tried again"
          : `no attempt is left of ${job.maxAttempts}`}
      </p>
    </Panel>
  );
}

function StepFacts({ past }: { readonly past: Past }) {
  const step = glanceAt(past).value;
  if (!step) return null;
  const cause = step.cause;
  return (
    <>
      <Facts
        of={{
          "Attempt": step.attempt,
          "Worker": step.worker ? <span class="mono">{step.worker}</span> : null,
          "Cause": typeof cause === "string" ? <bdi>{cause}</bdi> : null,
        }}
      />
      {typeof cause === "object" && cause !== null && <Raw value={cause} />}
    </>
  );
}

function JobFacts({ job }: { readonly job: JobResource }) {
  return (
    <Facts
      of={{
        "Attempt": `${job.attempt} of ${job.maxAttempts}`,
        "Crashes": job.crashes > 0 ? job.crashes : null,
        "Priority": job.priority,
        "Due": <Ago key="due" at={job.runAt} />,
        "Started": job.startedAt ? <Ago at={job.startedAt} /> : null,
        "Finished": job.finishedAt ? <Ago at={job.finishedAt} /> : null,
        "Lease until": job.leaseUntil ? <Countdown at={job.leaseUntil} /> : null,
        "Progress": job.progress === null ? null : <Raw value={job.progress} />,
        "Tags": job.tags.length > 0
          ? job.tags.map((tag) => (
            <a key={tag} class="tag" href={`/ui/jobs?q=${encodeURIComponent(`tag:${tag}`)}`}>
              <bdi>{tag}</bdi>
            </a>
          ))
          : null,
        "Idempotency key": job.idempotencyKey && (
          <code>
            <bdi>{job.idempotencyKey}</bdi>
          </code>
        ),
        "Ordering key": job.orderingKey && (
          <code>
            <bdi>{job.orderingKey}</bdi>
          </code>
        ),
        "Parent": job.parentId && (
          <a href={ui("actors", job.parentId)}>
            <bdi>{shortId(job.parentId)}</bdi>
          </a>
        ),
        "Cloned from": job.clonedFrom && (
          <a href={ui("jobs", job.clonedFrom)}>{shortId(job.clonedFrom)}</a>
        ),
        "Metadata": Object.keys(job.metadata ?? {}).length > 0
          ? <Tree value={job.metadata} />
          : null,
      }}
    />
  );
}

interface LogLine {
  readonly at: string;
  readonly level?: string;
  readonly message: string;
}

function Logs({ id, version }: { readonly id: string; readonly version: number }) {
  const { data, error } = useLoad(
    (signal) => call<{ items: LogLine[] }>(`${at("jobs", id)}/logs`, { signal }),
    [id],
    0,
    [version],
  );
  if (error) return <p class="soft">No logs are kept on this server.</p>;
  if (!data || data.items.length === 0) return <p class="soft">Its handler has logged nothing.</p>;
  return (
    <ol class="logs">
      {data.items.map((line, i) => (
        <li key={i}>
          <span class="soft number">{line.at.slice(11, 23)}</span> <b>{line.level}</b>{" "}
          <bdi>{line.message}</bdi>
        </li>
      ))}
    </ol>
  );
}
