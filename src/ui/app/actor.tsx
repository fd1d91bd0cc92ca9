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
import { lazy } from "./lazy.tsx";
import { follow, type Moved } from "./live.ts";
import { useLoad } from "./load.ts";
import { Accepts, Active, Waits } from "./actor_side.tsx";
import { Ago, Panel, Pill, Raw, Tree, useKeys, useTitle } from "./parts.tsx";
import { Past } from "./past.ts";
import { place } from "./place.ts";
import { may } from "./session.ts";
import { shortId } from "./words.ts";
import { Missing } from "./missing.tsx";
import { Why } from "./why.tsx";

/** Fetched when it is opened for the first time. */
const SendDialog = lazy(() => import("./send.tsx"), (module) => module.SendDialog);
const Related = lazy(() => import("./related.tsx"), (module) => module.Related);
const BranchDialog = lazy(() => import("./branching.tsx"), (module) => module.BranchDialog);

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
    return follow<Moved>(query, {
      actor: ({ version }) => {
        const mine = ++asked;
        const newer = call<Actor>(path).then((found) => mine === asked && put(found));
        return Promise.all([past.catchUp(version), newer]);
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
          <Side
            actor={actor}
            shown={shown}
            before={then.before}
            past={past}
            chart={chart}
            path={path}
            onChoose={(event) => sending.value = event}
          />
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

interface SideProps {
  readonly path: string;
  readonly actor: Actor;
  /** As it was at the step that is looked at, and before it. */
  readonly shown: Actor;
  readonly before: Actor | null;
  readonly past: Past;
  readonly chart: MachineChart | null;
  readonly onChoose: (event: string) => void;
}

function Side({ actor, shown, before, past, chart, onChoose, path }: SideProps) {
  const version = past.step.value?.version ?? actor.version;
  const isNow = version === actor.version;
  const isHalted = isNow && actor.status !== "active" && actor.error !== null;
  return (
    <>
      {!isNow && (
        <p class="pasttime">
          <Icon name="clock" />As it was at step {version}
        </p>
      )}
      <Active actor={shown} />
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
      <Waits actor={shown} isNow={isNow} />
      {isNow && <Accepts actor={actor} chart={chart} onChoose={onChoose} />}
      <StepPanel past={past}>
        <h3>Context change</h3>
        <Diff lines={diffOf(before?.context ?? null, past.step.value?.contextPatch ?? [])} />
      </StepPanel>
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
        started <Ago at={actor.createdAt} /> · {actor.version} steps · tenant{" "}
        <bdi>{actor.tenantId}</bdi> · <a href={ui("compare", "actors", actor.id)}>compare</a>
      </p>
      {may("write") && <Actions actor={actor} {...props} />}
    </header>
  );
}

interface HeadProps {
  readonly actor: Actor;
  readonly put: (actor: Actor) => void;
  readonly path: string;
  readonly version: number;
  readonly onSend: () => void;
}

function Actions({ actor, put, path, version, onSend }: HeadProps) {
  const { isBusy, run } = useAction();
  const branching = useSignal(false);
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
      <button type="button" onClick={() => branching.value = true}>Fork, rewind…</button>
      {branching.value && (
        <BranchDialog
          {...{ actor, version, path, put }}
          onClose={() => branching.value = false}
        />
      )}
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
  );
}
