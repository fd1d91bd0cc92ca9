/** Schedules on PostgreSQL: each call one statement. */
import { stateCode, stateOf } from "../core/codes.ts";
import { INITIAL_STATE } from "../core/lifecycle.ts";
import type { RunOutcome, ScheduleDefinition, ScheduleRun } from "../core/schedule.ts";
import * as sql from "../../sql/mod.ts";
import type { Database, Row } from "./database.ts";
import type { Enqueue } from "./enqueue.ts";
import { jobColumns } from "./inserting.ts";
import { column, quoted, quotedOrNull } from "./literal.ts";
import { field, shape } from "./rows.ts";
import type {
  DueSchedule,
  Fire,
  LiveRun,
  NextSchedule,
  ScheduleFilter,
  ScheduleLook,
  ScheduleRow,
  ScheduleStore,
  ScheduleWrite,
  Startable,
  UnstartedRun,
} from "./schedule_records.ts";

/** Old runs are forgotten at every fiftieth fire. */
const TRIM_EVERY = 50;
const BUFFERED: RunOutcome = "buffered";
const NO_QUESTION: ScheduleDefinition["overlap"] = "allow";
const ENDED = "{done,error,cancelled,terminated}";
const LATE_NOTE = "late";

/** The schedules of a database. */
export class PostgresSchedules implements ScheduleStore {
  readonly #db: Database;
  /** What clients ask for. */
  readonly #requests: Database;
  readonly #enqueue: Pick<Enqueue, "addTenants">;

  constructor(db: Database, requests: Database, enqueue: Pick<Enqueue, "addTenants">) {
    this.#db = db;
    this.#requests = requests;
    this.#enqueue = enqueue;
  }

  async read(tenantId: string, id: string): Promise<ScheduleLook> {
    const [row] = await this.#requests.query(sql.scheduleRead, [tenantId, id]);
    return { nowMs: field<Date>(row, "now").getTime(), schedule: row?.i ? toSchedule(row) : null };
  }

  async add(schedule: ScheduleWrite): Promise<boolean> {
    await this.#enqueue.addTenants([schedule]);
    return (await this.#requests.query(sql.scheduleAdd, columnsOf(schedule))).length > 0;
  }

  async change(before: ScheduleRow, schedule: ScheduleWrite): Promise<boolean> {
    const parameters = [...columnsOf(schedule), before.version, before.fireAt];
    return (await this.#requests.query(sql.scheduleChange, parameters)).length > 0;
  }

  async remove({ tenantId, id, version, fireAt }: ScheduleRow): Promise<boolean> {
    const seen = [tenantId, id, version, fireAt];
    return (await this.#requests.query(sql.scheduleRemove, seen)).length > 0;
  }

  async list(filter: ScheduleFilter, after: string, limit: number): Promise<ScheduleLook[]> {
    const { tenantId, isPaused, type, machine } = filter;
    const parameters = [tenantId, after, limit, isPaused, type, machine];
    return (await this.#requests.query(sql.scheduleList, parameters)).map((row) => ({
      nowMs: field<Date>(row, "now").getTime(),
      schedule: toSchedule(row),
    }));
  }

  async runs(
    tenantId: string,
    id: string,
    before: string | null,
    limit: number,
  ): Promise<ScheduleRun[]> {
    const rows = await this.#requests.query(sql.scheduleRuns, [tenantId, id, before, limit]);
    return rows.flatMap((row) => toRun(row) ?? []);
  }

  async nextDue(startable: Startable): Promise<NextSchedule> {
    const [row] = await this.#db.query(sql.scheduleNext, namesOf(startable));
    const ms = row?.ms === null ? null : field<number>(row, "ms");
    return { ms, waits: field<boolean>(row, "waits") };
  }

  async due(startable: Startable, limit: number): Promise<DueSchedule[]> {
    const parameters = [...namesOf(startable), limit, NO_QUESTION, ENDED];
    return (await this.#db.query(sql.scheduleDue, parameters)).map((row) => ({
      nowMs: field<Date>(row, "now").getTime(),
      schedule: toSchedule(row),
      live: shape<{ live: LiveRun[] | null }>(row).live ?? [],
    }));
  }

  async fire(fires: readonly Fire[]): Promise<Fire[]> {
    if (fires.length === 0) return [];
    const rows = await this.#requests.query(sql.scheduleFire, fireParameters(fires));
    const moved = new Map(rows.map((row) => [nameOf(row), field<number>(row, "n")]));
    return fires.filter(({ schedule: { tenantId, id }, lines }) =>
      moved.get(`${tenantId}\n${id}`) === lines.length
    );
  }

  async unstarted(
    machines: readonly string[],
    limit: number,
    of: Pick<ScheduleRow, "tenantId" | "id"> | null,
  ): Promise<UnstartedRun[]> {
    const names = [column(machines, quoted), limit, of?.tenantId ?? null, of?.id ?? null];
    const rows = await this.#db.query(sql.scheduleUnstarted, names);
    return rows.map((row) => {
      const r = shape<RunColumns & Named & { definition: ScheduleDefinition }>(row);
      return {
        tenantId: r.t,
        scheduleId: r.i,
        fireMs: field<Date>(row, "r_fire_at").getTime(),
        cause: r.r_cause,
        actorId: r.r_actor ?? "",
        isLate: r.r_note === LATE_NOTE,
        definition: r.definition,
      };
    });
  }

  async started(run: UnstartedRun, outcome: RunOutcome, note: string | null): Promise<void> {
    const { tenantId, scheduleId, fireMs, cause } = run;
    const at = new Date(fireMs).toISOString();
    await this.#db.query(sql.scheduleStarted, [tenantId, scheduleId, at, cause, outcome, note]);
  }
}

interface Named {
  readonly t: string;
  readonly i: string;
}

interface RunColumns {
  readonly r_fire_at: Date | null;
  readonly r_at: Date;
  readonly r_cause: ScheduleRun["cause"];
  readonly r_outcome: RunOutcome;
  readonly r_n: number;
  readonly r_job: string | null;
  readonly r_actor: string | null;
  readonly r_note: string | null;
  readonly r_state: number | null;
  readonly r_status: string | null;
}

function nameOf(row: Row): string {
  const { t, i } = shape<Named>(row);
  return `${t}\n${i}`;
}

function toSchedule(row: Row): ScheduleRow {
  const r = shape<
    Named & {
      v: number;
      definition: ScheduleDefinition;
      fire_at: Date | null;
      due_at: Date | null;
      buffered_for: Date | null;
      paused_at: Date | null;
      anchor_at: Date;
      run_count: string;
      created_at: Date;
      updated_at: Date;
    }
  >(row);
  return {
    tenantId: r.t,
    id: r.i,
    version: r.v,
    definition: r.definition,
    fireAt: r.fire_at?.toISOString() ?? null,
    dueAt: r.due_at?.toISOString() ?? null,
    bufferedFor: r.buffered_for?.toISOString() ?? null,
    pausedAt: r.paused_at?.toISOString() ?? null,
    anchorMs: r.anchor_at.getTime(),
    runCount: Number(r.run_count),
    createdAt: r.created_at.toISOString(),
    updatedAt: r.updated_at.toISOString(),
    lastRun: toRun(row),
  };
}

function toRun(row: Row): ScheduleRun | null {
  const r = shape<RunColumns>(row);
  if (!r.r_fire_at) return null;
  return {
    scheduledFor: r.r_fire_at.toISOString(),
    at: r.r_at.toISOString(),
    cause: r.r_cause,
    outcome: r.r_outcome,
    latenessMs: Math.max(0, r.r_at.getTime() - r.r_fire_at.getTime()),
    count: r.r_n,
    jobId: r.r_job,
    actorId: r.r_actor,
    state: r.r_state === null ? r.r_status : stateOf(r.r_state),
    note: r.r_note,
  };
}

function columnsOf(schedule: ScheduleWrite) {
  const { tenantId, id, definition, fireAt, dueAt, anchorAt } = schedule;
  const { type = null, machine = null, paused } = definition;
  const text = JSON.stringify(definition);
  return [tenantId, id, text, type, machine, fireAt, dueAt, paused, anchorAt];
}

function namesOf({ types, machines }: Startable): [string, string] {
  return [column(types, quoted), column(machines, quoted)];
}

function fireParameters(fires: readonly Fire[]) {
  const lines = fires.flatMap(({ schedule, lines }) => lines.map((line) => ({ schedule, line })));
  const jobs = lines.flatMap(({ line }) => line.job ?? []);
  const runs = (fire: Fire) => fire.lines.filter(({ job, actorId }) => job || actorId).length;
  const isRound = (fire: Fire) =>
    Math.floor((fire.schedule.runCount + runs(fire)) / TRIM_EVERY) >
      Math.floor(fire.schedule.runCount / TRIM_EVERY);
  return [
    stateCode(INITIAL_STATE),
    column(fires, ({ schedule }) => quoted(schedule.tenantId)),
    column(fires, ({ schedule }) => quoted(schedule.id)),
    column(fires, ({ schedule }) => schedule.version),
    column(fires, ({ schedule }) => schedule.fireAt),
    column(fires, ({ schedule }) => schedule.bufferedFor),
    column(fires, ({ nextFireMs }) => instantOf(nextFireMs)),
    column(fires, ({ nextDueMs }) => instantOf(nextDueMs)),
    column(fires, ({ bufferedMs }) => instantOf(bufferedMs)),
    column(fires, runs),
    column(
      fires,
      (fire) => isRound(fire) || fire.lines.every(({ job, actorId }) => !job && !actorId),
    ),
    column(lines, ({ schedule }) => quoted(schedule.tenantId)),
    column(lines, ({ schedule }) => quoted(schedule.id)),
    column(lines, ({ line }) => instantOf(line.fireMs)),
    column(lines, ({ line }) => line.cause),
    column(lines, ({ line }) => line.outcome),
    column(lines, ({ line }) => line.count),
    column(lines, ({ line }) => line.job?.id ?? null),
    column(lines, ({ line }) => quotedOrNull(line.actorId)),
    column(lines, ({ line }) => line.actorId !== null),
    column(lines, ({ line }) => quotedOrNull(line.note)),
    ...jobColumns(jobs),
    BUFFERED,
  ];
}

function instantOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
