/** Queues: what waits, what they may do, and the hand on the tap. */
import { useSignal } from "@preact/signals";
import { at, call, may, type Page, send } from "./api.ts";
import { Breakers } from "./breakers.tsx";
import { Dialog } from "./dialog.tsx";
import { Failure } from "./lists.tsx";
import { Ago, Countdown, Empty, now, Pill, useAction, useLoad, useTitle } from "./parts.tsx";
import { short } from "./amount.ts";
import { spoken } from "./words.ts";

interface Limits {
  readonly ratePerMinute: number | null;
  readonly burst: number | null;
  readonly concurrency: number | null;
  readonly weight?: number | null;
}

interface Queue {
  readonly tenantId: string | null;
  readonly name: string;
  readonly state: string;
  readonly since: string | null;
  readonly limits: Limits;
  readonly slotsTaken: number | null;
  readonly refillAt: string | null;
  readonly states: Readonly<Record<string, number>>;
}

/** `/ui/queues`. */
export function QueuesPage() {
  useTitle("Queues");
  const { data, error, reload } = useLoad(
    (signal) => call<Page<Queue>>("/queues", { signal }),
    [],
    3_000,
  );
  return (
    <div class="page">
      <header class="head">
        <h1>Queues</h1>
      </header>
      <Failure error={error} retry={reload} />
      {data?.items.length === 0 && (
        <Empty title="No queues yet">
          <p class="soft">A queue is there from its first job.</p>
        </Empty>
      )}
      <Breakers />
      <div class="stack">
        {(data?.items ?? []).map((queue) => (
          <QueueRow key={queue.name} queue={queue} reload={reload} />
        ))}
      </div>
    </div>
  );
}

interface QueueProps {
  readonly queue: Queue;
  readonly reload: () => void;
}

function QueueRow({ queue, reload }: QueueProps) {
  const { states, limits, slotsTaken, refillAt } = queue;
  const of = (state: string) => states[state] ?? 0;
  return (
    <section class="panel row" aria-label={`Queue ${queue.name}`} data-queue={queue.name}>
      <div class="grow">
        <h2>
          <a href={`/ui/jobs?q=${encodeURIComponent(`queue:${queue.name}`)}`}>
            <bdi>{queue.name}</bdi>
          </a>{" "}
          <Pill state={queue.state} />
          {queue.since && queue.state !== "open" && (
            <span class="soft">
              <Ago at={queue.since} />
            </span>
          )}
        </h2>
        <Bar parts={SHARES.map(([state, tone]) => [spoken(state), of(state), tone])} />
        <p class="soft">
          {[...SHARES.map(([state]) => state), "succeeded"]
            .map((state) => `${short(of(state))} ${spoken(state)}`).join(" · ")}
        </p>
        <p class="soft">
          {limitWords(limits)}
          {slotsTaken !== null && limits.concurrency !== null &&
            ` · ${slotsTaken} of ${limits.concurrency} slots taken`}
          {refillAt && Date.parse(refillAt) > now.value && (
            <>
              · next start in <Countdown at={refillAt} />
            </>
          )}
        </p>
      </div>
      {may("admin") && <QueueActions queue={queue} reload={reload} />}
    </section>
  );
}

/** The states that are shown as shares, and their tones. */
const SHARES = [
  ["running", "on"],
  ["pending", "mute"],
  ["scheduled", "soft"],
  ["retry", "warn"],
  ["dead_letter", "bad"],
] as const;

function QueueActions({ queue, reload }: QueueProps) {
  const setting = useSignal(false);
  const { isBusy, run } = useAction();
  const path = at("queues", queue.name);
  const flow = (verb: string, label: string, done: string, look = "") => (
    <button
      type="button"
      class={look}
      disabled={isBusy}
      onClick={() =>
        void run(async () => {
          await send(`${path}/${verb}`, queue.tenantId ? { tenantId: queue.tenantId } : {});
          reload();
        }, `${queue.name}: ${done}`)}
    >
      {label}
    </button>
  );
  return (
    <div class="actions">
      {queue.state === "open" && flow("pause", "Pause", "paused")}
      {queue.state === "open" && flow("drain", "Drain", "takes no new jobs")}
      {queue.state !== "open" && flow("resume", "Resume", "open", "strong")}
      <button type="button" onClick={() => setting.value = true}>Limits…</button>
      {setting.value && (
        <LimitsDialog
          queue={queue}
          path={path}
          onClose={() => setting.value = false}
          reload={reload}
        />
      )}
    </div>
  );
}

function limitWords({ ratePerMinute, burst, concurrency }: Limits): string {
  const words = [
    ratePerMinute === null ? null : `${ratePerMinute.toLocaleString("en")} starts a minute`,
    burst === null || burst === ratePerMinute ? null : `bursts of ${burst}`,
    concurrency === null ? null : `${concurrency} at once`,
  ].filter(Boolean);
  return words.length === 0 ? "no limits" : words.join(", ");
}

/** Shares of a whole, side by side. */
function Bar({ parts }: { readonly parts: readonly (readonly [string, number, string])[] }) {
  const sum = parts.reduce((all, [, count]) => all + count, 0);
  const label = parts.map(([name, count]) => `${count} ${name}`).join(", ");
  return (
    <div class="sharebar" role="img" aria-label={label}>
      {sum > 0 && parts.map(([name, count, tone]) =>
        count > 0 && (
          <i key={name} class={tone} style={{ flexGrow: count }} title={`${count} ${name}`} />
        )
      )}
    </div>
  );
}

const FIELDS = [
  ["ratePerMinute", "Starts a minute"],
  ["burst", "Burst"],
  ["concurrency", "At once"],
] as const;

function LimitsDialog({ queue, path, onClose, reload }: {
  readonly queue: Queue;
  readonly path: string;
  readonly onClose: () => void;
  readonly reload: () => void;
}) {
  const given = useSignal<Readonly<Record<string, string>>>({});
  const { isBusy, run } = useAction();
  const valueOf = (name: typeof FIELDS[number][0]) =>
    given.value[name] ?? String(queue.limits[name] ?? "");
  const save = () =>
    run(async () => {
      const limits = Object.fromEntries(
        FIELDS.map(([name]) => [name, valueOf(name) === "" ? null : Number(valueOf(name))]),
      );
      const tenant = queue.tenantId ? { tenantId: queue.tenantId } : {};
      await send(`${path}/limits`, { ...limits, weight: queue.limits.weight ?? 1, ...tenant }, {
        method: "PUT",
      });
      reload();
      onClose();
    }, "Limits set");
  return (
    <Dialog title={`Limits of ${queue.name}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {FIELDS.map(([name, label]) => (
          <label key={name}>
            {label}
            <input
              type="number"
              min={1}
              placeholder="no limit"
              value={valueOf(name)}
              onInput={(e) => given.value = { ...given.value, [name]: e.currentTarget.value }}
            />
          </label>
        ))}
        <div class="buttons">
          <button type="button" onClick={onClose}>Close</button>
          <button type="submit" class="strong" disabled={isBusy}>Set</button>
        </div>
      </form>
    </Dialog>
  );
}
