/** One actor: its chart, its past, what it waits for, and what it may be told. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { Actor } from "../../runtime/actor_view.ts";
import { at, callFirst, may, queryOf, send, ui } from "./api.ts";
import { loadChart, type MachineChart } from "./chart.tsx";
import { Diff, diffOf } from "./diff.tsx";
import { usePast } from "./following.ts";
import { glanceAt } from "./glance.ts";
import { Icon } from "./icons.tsx";
import { Instance, StepPanel } from "./instance.tsx";
import { Accepts, Active, Waits } from "./actor_side.tsx";
import { Ago, lazy, Panel, Pill, Raw, useAction, useKeys, useLoad, useTitle } from "./parts.tsx";
import { Moments, useMoment } from "./moments.ts";
import type { Past } from "./past.ts";
import { word } from "./place.ts";
import { shortId } from "./words.ts";
import { Why } from "./why.tsx";

/** Fetched when it is opened for the first time. */
const SendDialog = lazy(() => import("./send.tsx"), (module) => module.SendDialog);
const Missing = lazy(() => import("./missing.tsx"), (module) => module.Missing);
const Tree = lazy(() => import("./tree.tsx"), (module) => module.Tree);
const Related = lazy(() => import("./related.tsx"), (module) => module.Related);
const CancelDialog = lazy(() => import("./cancelling.tsx"), (module) => module.CancelDialog);
const BranchDialog = lazy(() => import("./branching.tsx"), (module) => module.BranchDialog);

/** `/ui/actors/{id}?step=n`. */
export function ActorPage({ id }: { readonly id: string }) {
  const tenantId = word("tenantId");
  const path = at("actors", id);
  useTitle(shortId(id));
  const { data: actor, error, put, reload } = useLoad(
    (signal) => callFirst<Actor>(path + queryOf({ tenantId }), { signal }),
    [id, tenantId],
  );
  const past = usePast({ kind: "actor", id, path, tenantId, known: actor, put });
  const moments = useMemo(() => new Moments(path, tenantId), [id, tenantId]);
  const chart = useChart(actor);
  if (!actor || !past) {
    return error
      ? <Missing error={error} what="actor" id={id} retry={reload} />
      : <div class="instance" aria-busy="true" />;
  }
  return <ActorView {...{ actor, past, moments, chart, put, path }} />;
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

interface ViewProps {
  readonly actor: Actor;
  readonly past: Past;
  readonly moments: Moments;
  readonly chart: MachineChart | null;
  readonly put: (actor: Actor) => void;
  readonly path: string;
}

/** Reads no step itself: one back in time makes only the parts anew that show it. */
function ActorView({ actor, past, moments, chart, put, path }: ViewProps) {
  const sending = useSignal<string | null>(null);
  const accepts = actor.accepts;
  const send = () => sending.value = accepts[0] ?? "";
  useKeys({ e: () => may("write") && send() });
  const moment = { actor, past, moments };
  return (
    <>
      <Instance
        head={<Head {...{ actor, past, put, path }} onSend={send} />}
        side={<Side {...moment} {...{ chart, path }} onChoose={(event) => sending.value = event} />}
        chart={chart}
        past={past}
        accepts={accepts}
        tabs={{
          Context: () => <At {...moment} show={(shown) => <Tree value={shown.context} />} />,
          Related: () => <Related actor={actor} />,
          Raw: () => <At {...moment} show={(shown) => <Raw value={shown} />} />,
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

interface MomentProps {
  readonly actor: Actor;
  readonly past: Past;
  readonly moments: Moments;
}

/** Something of the actor as it was at the step that is looked at. */
function At({ actor, past, moments, show }: MomentProps & {
  readonly show: (shown: Actor) => ComponentChildren;
}) {
  return <>{show(useMoment(actor, past, moments).shown)}</>;
}

interface SideProps extends MomentProps {
  readonly path: string;
  readonly chart: MachineChart | null;
  readonly onChoose: (event: string) => void;
}

function Side({ actor, past, moments, chart, onChoose, path }: SideProps) {
  const { version, isNow, shown, before } = useMoment(actor, past, moments);
  const isHalted = isNow && actor.status !== "active" && actor.error !== null;
  // A step makes those anew whose part of the actor it has changed.
  const active = useMemo(() => <Active actor={shown} />, [shown.state, shown.tags]);
  const waits = useMemo(() => <Waits actor={shown} isNow={isNow} />, [
    shown.activities,
    shown.timers,
    isNow,
  ]);
  return (
    <>
      {!isNow && (
        <p class="pasttime">
          <Icon name="clock" />As it was at step {version}
        </p>
      )}
      {active}
      {isNow && <Why path={path} version={actor.version} />}
      {isHalted && (
        <Panel title="What went wrong" name="wrong">
          <Raw value={actor.error} />
        </Panel>
      )}
      {shown.status === "done" && (
        <Panel title="Output">
          <Raw value={shown.output} />
        </Panel>
      )}
      {waits}
      {isNow && <Accepts actor={actor} chart={chart} onChoose={onChoose} />}
      <StepPanel past={past}>
        <h3>Context change</h3>
        <Diff lines={diffOf(before?.context ?? null, glanceAt(past).value?.contextPatch ?? [])} />
      </StepPanel>
    </>
  );
}

function Head({ actor, ...props }: HeadProps) {
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
        started <Ago at={actor.createdAt} /> · step {actor.version} · tenant{" "}
        <bdi>{actor.tenantId}</bdi> · <a href={ui("compare", "actors", actor.id)}>compare</a>
      </p>
      {may("write") && <Actions actor={actor} {...props} />}
    </header>
  );
}

interface HeadProps {
  readonly actor: Actor;
  readonly put: (actor: Actor) => void;
  readonly past: Past;
  readonly path: string;
  readonly onSend: () => void;
}

function Actions({ actor, past, put, path, onSend }: HeadProps) {
  const { isBusy, run } = useAction();
  const branching = useSignal<number | null>(null);
  const ending = useSignal(false);
  const query = queryOf({ tenantId: actor.tenantId });
  const tell = async (verb: string, body: object = {}) => {
    put(await send<Actor>(`${path}/${verb}${query}`, body, { version: actor.version }));
  };
  const control = (verb: string, label: string, done: string) => (
    <button
      type="button"
      disabled={isBusy}
      onClick={() => void run(() => tell(verb), done)}
    >
      {label}
    </button>
  );
  const isOver = ["done", "error", "cancelled", "terminated"].includes(actor.status);
  const isHeld = ["paused", "stalled", "blocked"].includes(actor.status);
  return (
    <div class="actions" role="group" aria-label="Actions">
      {!isOver && <button type="button" class="strong" onClick={onSend}>Send…</button>}
      {actor.status === "active" && control("pause", "Pause", "Paused")}
      {isHeld && control("resume", "Resume", "Resumed")}
      <button
        type="button"
        onClick={() => branching.value = past.step.peek()?.version ?? actor.version}
      >
        Fork, rewind…
      </button>
      {branching.value !== null && (
        <BranchDialog
          {...{ actor, path, put }}
          version={branching.value}
          onClose={() => branching.value = null}
        />
      )}
      {!isOver && (
        <button type="button" class="grave" onClick={() => ending.value = true}>Cancel…</button>
      )}
      {ending.value && (
        <CancelDialog
          act={() => tell("cancel", { reason: "from the page" })}
          onClose={() => ending.value = false}
        />
      )}
    </div>
  );
}
