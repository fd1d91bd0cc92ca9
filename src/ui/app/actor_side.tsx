/** What stands beside the chart of an actor. */
import type { Actor } from "../../runtime/actor_view.ts";
import { queryOf, ui } from "./api.ts";
import type { MachineChart } from "./chart.tsx";
import { Icon } from "./icons.tsx";
import { Ago, Countdown, Facts, Panel, Pill } from "./parts.tsx";
import { may } from "./session.ts";

/** Where it is. */
export function Active({ actor }: { readonly actor: Actor }) {
  const paths = actor.state.split(",").filter(Boolean);
  return (
    <Panel
      title="Active"
      aside={paths.length > 1 ? <span class="count">{paths.length}</span> : undefined}
      name="active"
    >
      <ul class="chips" aria-live="polite">
        {paths.map((path) => (
          <li key={path} class="chip on">
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
  readonly dueAt: string;
  readonly event?: unknown;
}
interface Activity {
  readonly id: string;
  readonly src: string;
  readonly jobId: string;
  readonly state?: string;
  readonly attempt?: number;
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
            {activities.map((each) => (
              <li key={each.id}>
                <Icon name="bolt" />
                <a href={ui("jobs", each.jobId)}>
                  <bdi>{each.src}</bdi>
                </a>
                {each.state && <Pill state={each.state} />}
                {each.attempt !== undefined && <span class="soft">attempt {each.attempt}</span>}
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
                {isNow ? <Countdown at={each.dueAt} /> : <Ago at={each.dueAt} />}
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </>
  );
}

/** `xstate.after.packBy.order.open.work.packing`: packBy. */
function timerWords({ id }: Timer): string {
  const [, delay, state] = /^xstate\.after\.([^.]+)\.(.+)$/.exec(id) ?? [];
  if (delay === undefined) return id;
  return `after ${delay} in ${state?.split(".").at(-1)}`;
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
    if (!found) return "";
    return `${found.guard ? `[${found.guard}] ` : ""}${
      found.targets.length > 0 ? `→ ${found.targets.join(", ").replaceAll(".", " › ")}` : "stays"
    }`;
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

interface Child {
  readonly id: string;
  readonly machine: string;
  readonly status: string;
}

/** Where it comes from and what it has begun. */
export function Related({ actor }: { readonly actor: Actor }) {
  const children = listOf<Child>(actor.children);
  const origin = originOf(actor.forkedFrom);
  return (
    <Facts
      of={{
        "Parent": actor.parentId
          ? (
            <a href={ui("actors", actor.parentId)}>
              <bdi>{actor.parentId}</bdi>
            </a>
          )
          : "none",
        "Forked from": origin
          ? (
            <a href={`${ui("actors", origin.actor)}?step=${origin.version}`}>
              <bdi>{origin.actor}</bdi> at step {origin.version}
            </a>
          )
          : null,
        "Children": children.length === 0
          ? "none"
          : children.map(({ id, machine, status }) => (
            <div key={id}>
              <a href={ui("actors", id)}>
                <bdi>{id}</bdi>
              </a>{" "}
              <span class="soft">{machine}</span> <Pill state={status} />
            </div>
          )),
        "Its jobs": (
          <a key="jobs" href={`/ui/jobs${queryOf({ q: `type:${actor.machine}/*` })}`}>
            look them up
          </a>
        ),
      }}
    />
  );
}

/** Where it was forked from; null: nowhere. */
function originOf(value: unknown): { readonly actor: string; readonly version: number } | null {
  if (typeof value !== "object" || value === null) return null;
  const { actor, version } = Object.fromEntries(Object.entries(value));
  return { actor: String(actor), version: Number(version) };
}

function listOf<Item>(value: unknown): readonly Item[] {
  return Array.isArray(value) ? value : [];
}
