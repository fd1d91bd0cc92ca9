/** What stands beside the chart of an actor. */
import type { Actor } from "../../runtime/actor_view.ts";
import { at, call, may, ui } from "./api.ts";
import type { MachineChart } from "./chart.tsx";
import { Icon } from "./icons.tsx";
import { Countdown, Panel, Pill, useLoad } from "./parts.tsx";
import type { JobResource } from "./resources.ts";
import { eventWords } from "./words.ts";

/** Where it is. */
export function Active({ actor }: { readonly actor: Actor }) {
  const paths = actor.state.split(",").filter(Boolean);
  return (
    <Panel
      title="Active"
      aside={paths.length > 1 ? <span class="count">{paths.length}</span> : undefined}
      name="active"
    >
      <ul class="chips">
        {paths.map((path, i) => (
          <li key={i} class="chip on">
            <bdi>{path.replaceAll(".", " › ")}</bdi>
          </li>
        ))}
      </ul>
      {actor.tags.length > 0 && (
        <p class="soft">
          {actor.tags.map((tag) => (
            <span key={tag} class="tag">
              <bdi>{tag}</bdi>
            </span>
          ))}
        </p>
      )}
    </Panel>
  );
}

interface Timer {
  readonly id: string;
  /** Null: of the past, and armed too long before it. */
  readonly dueAt: string | null;
  readonly event?: unknown;
}
interface Activity {
  readonly id: string;
  readonly src: string;
  /** Null: of the past. */
  readonly jobId: string | null;
}

/** What it waits for. */
export function Waits({ actor, isNow }: { readonly actor: Actor; readonly isNow: boolean }) {
  const activities = listOf<Activity>(actor.activities);
  const timers = listOf<Timer>(actor.timers);
  return (
    <>
      <Panel title="Running activities" name="activities">
        {activities.length === 0 ? <p class="soft">none</p> : (
          <ul class="rows">
            {activities.map(({ id, src, jobId }) => (
              <li key={jobId ?? id}>
                <Icon name="bolt" />
                {jobId ? <ActivityJob jobId={jobId} src={src} /> : <bdi>{src}</bdi>}
              </li>
            ))}
          </ul>
        )}
      </Panel>
      <Panel title="Timers" name="timers">
        {timers.length === 0 ? <p class="soft">none pending</p> : (
          <ul class="rows">
            {timers.map((each) => (
              <li key={each.id}>
                <Icon name="clock" />
                <bdi class="grow">{timerWords(each)}</bdi>
                {each.dueAt && (
                  <Countdown
                    at={each.dueAt}
                    from={isNow ? null : Date.parse(actor.updatedAt)}
                  />
                )}
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </>
  );
}

/** The job that does the work: its attempt, and until when its worker has said that it is alive. */
function ActivityJob({ jobId, src }: { readonly jobId: string; readonly src: string }) {
  const job = useLoad(
    (signal) => call<JobResource>(at("jobs", jobId), { signal }),
    [jobId],
    3_000,
  ).data;
  return (
    <>
      <a href={ui("jobs", jobId)}>
        <bdi>{src}</bdi>
      </a>
      {job && <Pill state={job.state} />}
      {job && <span class="soft">attempt {job.attempt} of {job.maxAttempts}</span>}
      {job?.leaseUntil && (
        <span class="soft">
          alive until <Countdown at={job.leaseUntil} />
        </span>
      )}
    </>
  );
}

/** `xstate.after.packBy.order.open.work.packing`: packBy. */
function timerWords({ id }: Timer): string {
  const [, state] = /^xstate\.after\.[^.]+\.(.+)$/.exec(id) ?? [];
  return state === undefined ? id : `${eventWords(id)} in ${state.split(".").at(-1)}`;
}

/** What it may be told. */
export function Accepts({ actor, chart, onChoose }: {
  readonly actor: Actor;
  readonly chart: MachineChart | null;
  readonly onChoose: (event: string) => void;
}) {
  if (actor.accepts.length === 0) {
    return (
      <Panel title="Can accept" name="accepts">
        <p class="soft">nothing more</p>
      </Panel>
    );
  }
  const ways = (event: string) => {
    const found = chart?.transitions.find((each) => each.event === event);
    if (!chart || !found) return "";
    const targets = found.targets.map((target) => targetWords(chart, target)).join(", ");
    return `${found.guard ? `[${found.guard}] ` : ""}${targets ? `→ ${targets}` : "stays"}`;
  };
  return (
    <Panel title="Can accept" name="accepts">
      <ul class="rows">
        {actor.accepts.map((event) => (
          <li key={event}>
            {may("write")
              ? (
                <button
                  type="button"
                  class="fire"
                  data-event={event}
                  onClick={() => onChoose(event)}
                >
                  <bdi>{event}</bdi>
                </button>
              )
              : (
                <code>
                  <bdi>{event}</bdi>
                </code>
              )}
            <span class="soft way">
              <bdi>{ways(event)}</bdi>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** `a.b`: a › b; of a history state, which is nowhere on the chart, the one it brings back. */
function targetWords(chart: MachineChart, target: string): string {
  const state = chart.states.find(({ id }) => id === target);
  const isHistory = state?.type === "history" && state.parent !== null;
  const words = (isHistory ? state.parent : target).replaceAll(".", " › ");
  return isHistory ? `${words}, as it was` : words;
}

function listOf<Item>(value: unknown): readonly Item[] {
  return Array.isArray(value) ? value : [];
}
