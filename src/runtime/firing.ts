/**
 * Schedules fire here: what is due is decided in memory, and many are moved on in one commit.
 *
 * Any process may do it at any time; there is no leader. Whoever moves a schedule's next fire time
 * stores the runs of the old one in the same statement, so that a process that dies before it has
 * done nothing, and one that dies after it has nothing left to do. An actor is started after the
 * commit, under an id that its fire time gives it: by any process, once.
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { dueAt, dueOf, rhythmOf } from "../core/schedule.ts";
import { PerduraError, RateLimitedError, UnavailableError } from "../core/errors.ts";
import type { Due, ScheduleRun } from "../core/schedule.ts";
import type {
  DueSchedule,
  Fire,
  LiveRun,
  RunLine,
  ScheduleRow,
  Startable,
  Store,
  UnstartedRun,
} from "../store/store.ts";
import type { Actors } from "./actors.ts";
import type { Handlers } from "./handlers.ts";
import type { Intake } from "./intake.ts";
import { leaveJob } from "./leaving.ts";
import { lanesOf, type RetryDefaults } from "./preparing.ts";
import { actorIdOf, inputOf, jobFor } from "./schedule_targets.ts";

const log = getLogger(["perdura", "schedules"]);

/** Schedules of one statement. */
const BATCH = 500;
const BATCHES_MAX = 100;
const STARTS = 100;
const STARTS_AT_ONCE = 8;

/** What firing needs. */
export interface FiringHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly handlers: Handlers;
  readonly defaults: RetryDefaults;
  readonly intake: Pick<Intake, "admit">;
  /** Null: there are no machines here. */
  readonly actors: Actors | null;
  readonly machines: readonly string[];
}

/** What a host can start. */
export function startableOf({ handlers, machines }: FiringHost): Startable {
  return { types: [...handlers.keys()], machines };
}

/** Fires what is due, up to a bounded number. Gives how many schedules it has moved on. */
export async function fireDue(host: FiringHost): Promise<number> {
  const { schedules } = host.store;
  let moved = 0;
  for (let batch = 0; batch < BATCHES_MAX; batch++) {
    const due = await schedules.due(startableOf(host), BATCH);
    const fires: Fire[] = [];
    for (const each of due) {
      const fire = await decideFire(host, each);
      if (fire) fires.push(fire);
    }
    const done = await schedules.fire(fires);
    tell(host, done);
    moved += done.length;
    // What others have moved meanwhile is theirs.
    if (due.length < BATCH || done.length === 0) break;
  }
  await startActors(host);
  return moved;
}

/** Starts the actors of runs that are committed, of all schedules or of one. */
export async function startActors(
  host: Pick<FiringHost, "store" | "actors" | "machines">,
  of: Pick<ScheduleRow, "tenantId" | "id"> | null = null,
): Promise<void> {
  const { actors, machines, store } = host;
  if (!actors || machines.length === 0) return;
  for (let round = 0; round < BATCHES_MAX; round++) {
    const runs = await store.schedules.unstarted(machines, STARTS, of);
    for (let from = 0; from < runs.length; from += STARTS_AT_ONCE) {
      const some = runs.slice(from, from + STARTS_AT_ONCE);
      await Promise.all(some.map((run) => startActor(store, actors, run)));
    }
    if (runs.length < STARTS) break;
  }
}

async function startActor(store: Store, actors: Actors, run: UnstartedRun): Promise<void> {
  const { tenantId, actorId, definition } = run;
  try {
    const machine = definition.machine ?? "";
    const input = inputOf(actors, definition, run.fireMs);
    await actors.start({ machine, id: actorId, tenantId, input });
    await store.schedules.started(run, "started", run.isLate ? "late" : null);
  } catch (error) {
    if (!(error instanceof PerduraError) || error instanceof UnavailableError) throw error;
    const { scheduleId } = run;
    log.error("A schedule could not start its actor", { scheduleId, tenantId, error });
    await store.schedules.started(run, "failed", noteOf(error));
  }
}

/** What of a due schedule is to be done; null: it goes on waiting. */
async function decideFire(host: FiringHost, seen: DueSchedule): Promise<Fire | null> {
  const { schedule, nowMs, live } = seen;
  const { definition } = schedule;
  if (definition.overlap === "cancel_previous" && schedule.bufferedFor) cancelAll(host, seen);
  const due = dueNow(schedule, nowMs);
  const plan = planOf(schedule, due, live);
  if (plan.lines.length === 0) return null;
  const lines: RunLine[] = [];
  for (const line of plan.lines) lines.push(await fill(host, schedule, line, due));
  if (definition.overlap === "cancel_previous" && plan.buffered !== null) cancelAll(host, seen);
  return {
    schedule,
    nextFireMs: due ? due.next : msOf(schedule.fireAt),
    nextDueMs: due ? nextDueOf(schedule, due.next) : msOf(schedule.dueAt),
    bufferedMs: plan.buffered,
    lines,
  };
}

/** What has come due; null: only a run that waits. */
function dueNow(schedule: ScheduleRow, nowMs: number): Due | null {
  const { definition, fireAt, dueAt: due, anchorMs } = schedule;
  if (fireAt === null || due === null || Date.parse(due) > nowMs) return null;
  const isDue = (ms: number) => dueOf(nameOf(schedule), ms, definition.jitterMs) <= nowMs;
  return dueAt(definition, rhythmOf(definition, anchorMs), Date.parse(fireAt), nowMs, isDue);
}

/** The next fire time with its jitter. */
export function nextDueOf(
  schedule: Pick<ScheduleRow, "tenantId" | "id" | "definition">,
  fireMs: number | null,
): number | null {
  return fireMs === null ? null : dueOf(nameOf(schedule), fireMs, schedule.definition.jitterMs);
}

type Sketch = Pick<RunLine, "fireMs" | "outcome" | "count" | "note">;

/** Which fire times start, wait, or are passed over, by the schedule's policy for overlaps. */
function planOf(schedule: ScheduleRow, due: Due | null, live: readonly LiveRun[]) {
  const { overlap } = schedule.definition;
  const lines: Sketch[] = [];
  const add = (fireMs: number, outcome: RunLine["outcome"], note: string | null = null) =>
    lines.push({ fireMs, outcome, count: 1, note });
  let isBusy = live.length > 0;
  let buffered = msOf(schedule.bufferedFor);
  if (due?.missed) lines.push({ ...missedLine(due) });
  if (buffered !== null && !isBusy && schedule.pausedAt === null) {
    add(buffered, "started");
    buffered = null;
    isBusy = true;
  }
  const fires = due?.fires ?? [];
  for (const fireMs of fires) {
    if (overlap === "cancel_previous" && fireMs !== fires.at(-1)) {
      add(fireMs, "skipped", "A newer run took its place");
    } else if (!isBusy || overlap === "allow") {
      add(fireMs, "started");
      isBusy = true;
    } else if (overlap === "skip" || (overlap === "buffer_one" && buffered !== null)) {
      add(fireMs, "skipped", "The run before it has not ended");
    } else {
      if (buffered !== null) add(buffered, "skipped", "A newer run took its place");
      add(fireMs, "buffered", "Waits for the run before it to end");
      buffered = fireMs;
    }
  }
  return { lines, buffered };
}

function missedLine({ missed }: Due): Sketch {
  const { first = 0, count = 0, isExact = true } = missed ?? {};
  const more = isExact ? "" : "; these are at least so many";
  return { fireMs: first, outcome: "missed", count, note: `Nobody was there in time${more}` };
}

/** A line with the job or actor that it starts. */
async function fill(
  host: FiringHost,
  schedule: ScheduleRow,
  line: Sketch,
  due: Due | null,
): Promise<RunLine> {
  const isLate = due?.late.has(line.fireMs) ?? false;
  return line.outcome === "started"
    ? await started(host, schedule, line.fireMs, "schedule", isLate)
    : { ...line, cause: "schedule", job: null, actorId: null };
}

/** The line of a run that starts, or of why it cannot. */
export async function started(
  host: Pick<FiringHost, "handlers" | "defaults" | "intake">,
  schedule: ScheduleRow,
  fireMs: number,
  cause: ScheduleRun["cause"],
  isLate: boolean,
): Promise<RunLine> {
  const line = { fireMs, cause, count: 1, note: isLate ? "late" : null } as const;
  if (schedule.definition.machine !== undefined) {
    return { ...line, outcome: "starting", job: null, actorId: actorIdOf(schedule, fireMs, cause) };
  }
  try {
    const job = jobFor(host, schedule, fireMs, isLate);
    await host.intake.admit([job]);
    return { ...line, outcome: "started", job, actorId: null };
  } catch (error) {
    if (!(error instanceof PerduraError) || error instanceof UnavailableError) throw error;
    if (cause === "trigger") throw error;
    const isFull = error instanceof RateLimitedError;
    const { id: scheduleId, tenantId } = schedule;
    if (!isFull) log.error("A schedule cannot start its job", { scheduleId, tenantId, error });
    const outcome = isFull ? "skipped" : "failed";
    return { ...line, outcome, job: null, actorId: null, note: noteOf(error) };
  }
}

/** Asks what still runs to end; told again with every look, until it has. */
function cancelAll(host: FiringHost, { schedule: { tenantId }, live }: DueSchedule): void {
  for (const { jobId, actorId } of live) {
    const asked = jobId
      ? leaveJob(host, tenantId, jobId, "schedule")
      : host.actors?.cancel(actorId ?? "", "schedule", { tenantId, key: "schedule" });
    asked?.catch((error: unknown) => {
      if (!(error instanceof PerduraError)) log.error("A run could not be cancelled", { error });
    });
  }
}

function tell({ store }: FiringHost, fires: readonly Fire[]): void {
  const lanes = lanesOf(fires.flatMap(({ lines }) => lines.flatMap(({ job }) => job ?? [])));
  if (lanes.length > 0) store.hint({ kind: "lanes", lanes });
}

function nameOf({ tenantId, id }: Pick<ScheduleRow, "tenantId" | "id">): string {
  return `${tenantId}\n${id}`;
}

function msOf(instant: string | null): number | null {
  return instant === null ? null : Date.parse(instant);
}

function noteOf(error: Error): string {
  return error.message.slice(0, 500);
}
