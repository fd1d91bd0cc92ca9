/** One actor: its chart, its past, what it waits for, and what it may be told. */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Actor } from "../../runtime/actor_view.ts";
import { at, call, queryOf, send, ui } from "./api.ts";
import { loadChart, type MachineChart } from "./chart.tsx";
import { Confirm, useAction } from "./dialog.tsx";
import { Diff, diffOf } from "./diff.tsx";
import { Icon } from "./icons.tsx";
import { Instance, StepPanel } from "./instance.tsx";
import { follow } from "./live.ts";
import type { Step } from "./lit.ts";
import { useLoad } from "./load.ts";
import { Branching } from "./branching.tsx";
import {
  Ago,
  Countdown,
  Facts,
  Failure,
  Panel,
  Pill,
  Raw,
  Tree,
  useKeys,
  useTitle,
} from "./parts.tsx";
import { Past } from "./past.ts";
import { place } from "./place.ts";
import { SendDialog } from "./send.tsx";
import { may } from "./session.ts";
import { shortId } from "./words.ts";
import { Missing } from "./missing.tsx";

/** `/ui/actors/{id}?step=n`. */
export function ActorPage({ id }: { readonly id: string }) {
  const tenantId = place.value.searchParams.get("tenantId");
  const path = `${at("actors", id)}`;
  const query = queryOf({ tenantId });
  useTitle(shortId(id));
  const { data: actor, error, put, reload } = useLoad(
    (signal) => call<Actor>(path + query, { signal }),
    [id, tenantId],
  );
  const past = useMemo(() => new Past(`${path}/transitions`), [id]);
  const chart = useChart(actor);
  useFollowing(actor, past, put, path + query);
  if (!actor) {
    return error
      ? <Missing error={error} what="actor" id={id} retry={reload} />
      : <div class="instance" aria-busy="true" />;
  }
  return <ActorView actor={actor} past={past} chart={chart} put={put} path={path} />;
}

/** The chart of the version that the actor is of. */
export function useChart(
  actor: Pick<Actor, "machine" | "machineVersion"> | null,
): MachineChart | null {
  const machine = actor?.machine ?? null;
  const version = actor?.machineVersion ?? null;
  return useLoad<MachineChart | null>(
    (signal) => machine === null ? Promise.resolve(null) : loadChart(machine, version, signal),
    [machine, version],
  ).data;
}

function useFollowing(
  actor: Actor | null,
  past: Past,
  put: (actor: Actor) => void,
  path: string,
): void {
  const isThere = actor !== null;
  useEffect(() => {
    if (!actor) return;
    past.latest.value = actor.version;
    const step = Number(place.peek().searchParams.get("step"));
    void past.look(step >= 1 ? step : null);
    let asked = 0;
    const query = () =>
      queryOf({ actor: actor.id, after: past.latest.value, tenantId: actor.tenantId });
    return follow(query, {
      actor: (data) => {
        const mine = ++asked;
        void past.catchUp((data as Step).version).catch(() => {});
        void call<Actor>(path).then((newer) => mine === asked && put(newer)).catch(() => {});
      },
    });
  }, [isThere, past]);
}

interface ViewProps {
  readonly actor: Actor;
  readonly past: Past;
  readonly chart: MachineChart | null;
  readonly put: (actor: Actor) => void;
  readonly path: string;
}

function ActorView({ actor, past, chart, put, path }: ViewProps) {
  const sending = useSignal<string | null>(null);
  const version = past.step.value?.version ?? actor.version;
  const then = useVersions(path, actor, version);
  const accepts = actor.accepts;
  useKeys({ e: () => may("write") && (sending.value = accepts[0] ?? "") });
  const shown = then.now ?? actor;
  return (
    <>
      <Instance
        head={
          <Head
            actor={actor}
            put={put}
            path={path}
            version={version}
            onSend={() => sending.value = accepts[0] ?? ""}
          />
        }
        side={
          <>
            {version !== actor.version && (
              <p class="pasttime">
                <Icon name="clock" />As it was at step {version}
              </p>
            )}
            <Active actor={shown} />
            {actor.status !== "active" && actor.error !== null && version === actor.version && (
              <Panel title="Why" name="why">
                <Raw value={actor.error} />
              </Panel>
            )}
            {shown.status === "done" && (
              <Panel title="Output">
                <Raw value={shown.output} />
              </Panel>
            )}
            <Waits actor={shown} isNow={version === actor.version} />
            {version === actor.version && (
              <Accepts
                actor={actor}
                chart={chart}
                onChoose={(event) => sending.value = event}
              />
            )}
            <StepPanel past={past}>
              <h3>Context change</h3>
              <Diff
                lines={diffOf(then.before?.context ?? null, past.step.value?.contextPatch ?? [])}
              />
            </StepPanel>
          </>
        }
        chart={chart}
        past={past}
        accepts={accepts}
        tabs={{
          Context: () => <Tree value={shown.context} />,
          Related: () => <Related actor={actor} />,
          Raw: () => <Raw value={shown} />,
        }}
      />
      {sending.value !== null && (
        <SendDialog
          actor={actor}
          event={sending.value}
          onClose={() => sending.value = null}
          onSent={put}
        />
      )}
    </>
  );
}

/** The actor as it was at a version and before it; what was asked for once is kept. */
function useVersions(path: string, actor: Actor, version: number) {
  const known = useMemo(() => new Map<number, Promise<Actor | null>>(), [path]);
  const now = useSignal<Actor | null>(null);
  const before = useSignal<Actor | null>(null);
  const get = (at: number) => {
    if (at < 1) return Promise.resolve(null);
    const query = queryOf({ version: at, tenantId: actor.tenantId });
    const found = known.get(at) ?? call<Actor>(`${path}${query}`).catch(() => null);
    known.set(at, found);
    return found;
  };
  useEffect(() => {
    let isGone = false;
    void Promise.all([get(version), get(version - 1)]).then(([a, b]) => {
      if (!isGone) [now.value, before.value] = [a, b];
    });
    return () => {
      isGone = true;
    };
  }, [version, path]);
  return { now: version === actor.version ? actor : now.value, before: before.value };
}

function Head({ actor, put, path, version, onSend }: {
  readonly actor: Actor;
  readonly put: (actor: Actor) => void;
  readonly path: string;
  readonly version: number;
  readonly onSend: () => void;
}) {
  const { isBusy, run } = useAction();
  const tell = async (verb: string, body: object = {}) => {
    const answer = await send<Actor>(
      `${path}/${verb}${queryOf({ tenantId: actor.tenantId })}`,
      body,
      { version: actor.version },
    );
    put(answer);
  };
  const isOver = ["done", "error", "cancelled", "terminated"].includes(actor.status);
  const isHeld = ["paused", "stalled", "blocked"].includes(actor.status);
  return (
    <header class="head">
      <h1>
        <span class="crumb">
          <a href={ui("machines", actor.machine)}>{actor.machine}</a>
          <span class="tag">v{actor.machineVersion}</span>
        </span>
        <span class="mono">
          <bdi>{shortId(actor.id)}</bdi>
        </span>
        <Pill state={actor.status} />
      </h1>
      <p class="soft meta">
        started <Ago at={actor.createdAt} /> · {actor.version} steps · tenant{" "}
        <bdi>{actor.tenantId}</bdi>
      </p>
      {may("write") && (
        <div class="actions" role="group" aria-label="Actions">
          {!isOver && <button type="button" class="strong" onClick={onSend}>Send…</button>}
          {actor.status === "active" && (
            <button
              type="button"
              disabled={isBusy}
              onClick={() => void run(() => tell("pause"), "Paused")}
            >
              Pause
            </button>
          )}
          {isHeld && (
            <button
              type="button"
              disabled={isBusy}
              onClick={() => void run(() => tell("resume"), "Resumed")}
            >
              Resume
            </button>
          )}
          <Branching actor={actor} version={version} path={path} put={put} />
          {!isOver && (
            <Confirm
              label="Cancel…"
              title="Cancel this actor?"
              act={() => tell("cancel", { reason: "from the page" })}
            >
              <p>
                Its machine gets the event{" "}
                <code>CANCEL</code>; one that does not know it is stopped, with all it has begun.
              </p>
            </Confirm>
          )}
        </div>
      )}
    </header>
  );
}

function Active({ actor }: { readonly actor: Actor }) {
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

function Waits({ actor, isNow }: { readonly actor: Actor; readonly isNow: boolean }) {
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

function Accepts({ actor, chart, onChoose }: {
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
                  class="event"
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

function Related({ actor }: { readonly actor: Actor }) {
  const children = listOf<Child>(actor.children);
  const origin = actor.forkedFrom as { actor?: string; version?: number } | null;
  return (
    <Facts
      of={[
        [
          "Parent",
          actor.parentId
            ? (
              <a href={ui("actors", actor.parentId)}>
                <bdi>{actor.parentId}</bdi>
              </a>
            )
            : "none",
        ],
        [
          "Forked from",
          origin?.actor
            ? (
              <a href={`${ui("actors", origin.actor)}?step=${origin.version}`}>
                <bdi>{origin.actor}</bdi> at step {origin.version}
              </a>
            )
            : null,
        ],
        [
          "Children",
          children.length === 0 ? "none" : children.map(({ id, machine, status }) => (
            <div key={id}>
              <a href={ui("actors", id)}>
                <bdi>{id}</bdi>
              </a>{" "}
              <span class="soft">{machine}</span> <Pill state={status} />
            </div>
          )),
        ],
        [
          "Its jobs",
          <a key="jobs" href={`/ui/jobs${queryOf({ q: `type:${actor.machine}/` })}`}>
            look them up
          </a>,
        ],
      ]}
    />
  );
}

function listOf<Item>(value: unknown): readonly Item[] {
  return Array.isArray(value) ? value : [];
}
