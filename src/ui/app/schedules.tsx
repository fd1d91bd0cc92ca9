/** Schedules: when they fire next, and the hand on them. */
import { useSignal } from "@preact/signals";
import { at, call, may, type Page, send } from "./api.ts";
import { Icon } from "./icons.tsx";
import { Failure, isMissing, NotHere } from "./lists.tsx";
import { Ago, Countdown, Empty, Pill, Raw, useAction, useLoad, useTitle } from "./parts.tsx";
import { clock, duration } from "./words.ts";

interface Schedule {
  readonly id: string;
  readonly tenantId?: string;
  readonly cron: string | null;
  readonly timeZone: string | null;
  readonly type?: string | null;
  readonly machine?: string | null;
  readonly paused: boolean;
  readonly missed?: string;
  readonly overlap?: string;
  readonly everyMs: number | null;
  readonly nextFireAt: string | null;
  readonly lastRun: { readonly at: string; readonly outcome: string } | null;
  readonly [key: string]: unknown;
}

/** `/ui/schedules/{id}`. */
export function SchedulesPage({ id }: { readonly id: string }) {
  useTitle("Schedules");
  const { data, error, reload } = useLoad(
    (signal) => call<Page<Schedule>>("/schedules", { signal }),
    [],
    5_000,
  );
  return (
    <div class="page">
      <header class="head">
        <h1>Schedules</h1>
      </header>
      {isMissing(error)
        ? <NotHere what="Schedules" path="/schedules" />
        : <Failure error={error} retry={reload} />}
      {data?.items.length === 0 && (
        <Empty title="No schedules yet">
          <p class="soft">
            Make one: <code>PUT /schedules/nightly</code> with a cron line. <a href="/docs">How</a>
          </p>
        </Empty>
      )}
      <div class="stack">
        {(data?.items ?? []).map((each) => (
          <ScheduleRow key={each.id} schedule={each} reload={reload} isOpen={each.id === id} />
        ))}
      </div>
    </div>
  );
}

function ScheduleRow({ schedule, reload, isOpen }: {
  readonly schedule: Schedule;
  readonly reload: () => void;
  readonly isOpen: boolean;
}) {
  const open = useSignal(isOpen);
  const path = at("schedules", schedule.id);
  return (
    <section class="panel row" aria-label={`Schedule ${schedule.id}`} data-schedule={schedule.id}>
      <div class="grow">
        <h2>
          <button
            type="button"
            class="plain"
            aria-expanded={open.value}
            onClick={() =>
              open.value = !open.value}
          >
            <bdi>{schedule.id}</bdi>
          </button>
          <Pill state={schedule.paused ? "paused" : "active"} />
        </h2>
        <p>
          <code>{schedule.cron ?? `every ${duration(schedule.everyMs ?? 0)}`}</code>{" "}
          <span class="soft">
            {schedule.timeZone ?? "UTC"} · {schedule.machine ? "starts actors of" : "adds jobs of"}
          </span>{" "}
          <bdi>{schedule.machine ?? schedule.type}</bdi>
        </p>
        <Firing schedule={schedule} />
        {open.value && <Preview path={path} schedule={schedule} />}
      </div>
      {may("admin") && <ScheduleActions schedule={schedule} path={path} reload={reload} />}
    </section>
  );
}

function Firing({ schedule }: { readonly schedule: Schedule }) {
  const { nextFireAt: next, lastRun } = schedule;
  return (
    <p class="soft">
      {next && !schedule.paused && (
        <>
          <Icon name="clock" /> next in <Countdown at={next} /> ({wallClock(next, schedule)}) ·{" "}
        </>
      )}
      {lastRun
        ? (
          <>
            last <Ago at={lastRun.at} />, {lastRun.outcome}
          </>
        )
        : "has not fired yet"}
    </p>
  );
}

function ScheduleActions({ schedule, path, reload }: {
  readonly schedule: Schedule;
  readonly path: string;
  readonly reload: () => void;
}) {
  const { isBusy, run } = useAction();
  const tell = (verb: string, label: string, done: string, look = "") => (
    <button
      type="button"
      class={look}
      disabled={isBusy}
      onClick={() =>
        void run(async () => {
          await send(`${path}/${verb}`, {});
          reload();
        }, `${schedule.id}: ${done}`)}
    >
      {label}
    </button>
  );
  return (
    <div class="actions">
      {schedule.paused
        ? tell("resume", "Resume", "goes on", "strong")
        : tell("pause", "Pause", "paused")}
      {tell("trigger", "Fire now", "fired")}
    </div>
  );
}

/** The next times, as the server works them out. */
function Preview({ path, schedule }: { readonly path: string; readonly schedule: Schedule }) {
  const { data } = useLoad(
    (signal) => call<Record<string, unknown>>(`${path}/preview`, { signal }),
    [path, schedule.cron],
  );
  const times = timesOf(data);
  return (
    <div class="columns">
      <div>
        <h3>Next times, {schedule.timeZone ?? "UTC"}</h3>
        {times.length === 0 ? <p class="soft">none known</p> : (
          <ol class="times number">
            {times.slice(0, 10).map((time) => (
              <li key={time}>
                <time dateTime={time} title={clock(time)}>{wallClock(time, schedule)}</time>
              </li>
            ))}
          </ol>
        )}
      </div>
      <div>
        <h3>As it is stored</h3>
        <Raw value={schedule} />
      </div>
    </div>
  );
}

/** As the clocks say where the schedule is: there its cron line comes true. */
function wallClock(at: string, { timeZone }: Schedule): string {
  try {
    return new Date(at).toLocaleString("sv-SE", { timeZone: timeZone ?? "UTC" });
  } catch {
    // This browser does not know the zone.
    return clock(at);
  }
}

function timesOf(data: unknown): string[] {
  if (Array.isArray(data)) {
    return data.map((each) => typeof each === "string" ? each : String(each?.fireAt ?? ""));
  }
  if (typeof data !== "object" || data === null) return [];
  const list = Object.values(data).find(Array.isArray);
  return list ? timesOf(list) : [];
}
