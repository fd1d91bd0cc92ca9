/** Records of schedules that travel between runtime and store. */
import type { JobInsert } from "../core/job.ts";
import type { RunOutcome, Schedule, ScheduleDefinition, ScheduleRun } from "../core/schedule.ts";

/** What a process knows how to start. */
export interface Startable {
  readonly types: readonly string[];
  readonly machines: readonly string[];
}

/** A schedule with what its policies ask for. */
export interface ScheduleRow extends Schedule {
  /** Where an interval is counted from, milliseconds since 1970. */
  readonly anchorMs: number;
}

/** A schedule, or none, and the time of the database. */
export interface ScheduleLook {
  readonly nowMs: number;
  readonly schedule: ScheduleRow | null;
}

/** When there is something to fire. */
export interface NextSchedule {
  /** Milliseconds from now; 0: there is; null: nothing will come due. */
  readonly ms: number | null;
  /** A run waits for the end of another. */
  readonly waits: boolean;
}

/** A run that has not ended. */
export interface LiveRun {
  readonly jobId: string | null;
  readonly actorId: string | null;
}

/** A schedule that is due, or has a run that waits. */
export interface DueSchedule {
  readonly nowMs: number;
  readonly schedule: ScheduleRow;
  /** Of those that started last; empty where overlap is allowed. */
  readonly live: readonly LiveRun[];
}

/** A definition on its way into the store. Instants are RFC 3339. */
export interface ScheduleWrite {
  readonly tenantId: string;
  readonly id: string;
  readonly definition: ScheduleDefinition;
  readonly fireAt: string | null;
  readonly dueAt: string | null;
  readonly anchorAt: string;
}

/** One line of a schedule's list of runs. */
export interface RunLine {
  readonly fireMs: number;
  readonly cause: ScheduleRun["cause"];
  readonly outcome: RunOutcome;
  readonly count: number;
  readonly job: JobInsert | null;
  /** To be started after the commit. */
  readonly actorId: string | null;
  readonly note: string | null;
}

/** A schedule moved on, and what that starts. */
export interface Fire {
  /** As it was when this was decided. */
  readonly schedule: ScheduleRow;
  readonly nextFireMs: number | null;
  readonly nextDueMs: number | null;
  readonly bufferedMs: number | null;
  readonly lines: readonly RunLine[];
}

/** A run whose actor has yet to be started. */
export interface UnstartedRun {
  readonly tenantId: string;
  readonly scheduleId: string;
  readonly fireMs: number;
  readonly cause: ScheduleRun["cause"];
  readonly actorId: string;
  readonly isLate: boolean;
  readonly definition: ScheduleDefinition;
}

/** Which of a tenant's schedules; null: any. */
export interface ScheduleFilter {
  readonly tenantId: string;
  readonly isPaused: boolean | null;
  readonly type: string | null;
  readonly machine: string | null;
}

/** Schedules. Any process may fire them; there is no leader. */
export interface ScheduleStore {
  read(tenantId: string, id: string): Promise<ScheduleLook>;
  /** False: one of this id is there. */
  add(schedule: ScheduleWrite): Promise<boolean>;
  /** False: it was changed or fired since. */
  change(before: ScheduleRow, schedule: ScheduleWrite): Promise<boolean>;
  /** False: it was changed or fired since. */
  remove(schedule: ScheduleRow): Promise<boolean>;
  /** By id, after one. */
  list(filter: ScheduleFilter, after: string, limit: number): Promise<ScheduleLook[]>;
  /** Newest first, before a fire time. */
  runs(tenantId: string, id: string, before: string | null, limit: number): Promise<ScheduleRun[]>;
  nextDue(startable: Startable): Promise<NextSchedule>;
  due(startable: Startable, limit: number): Promise<DueSchedule[]>;
  /** Moves schedules on and stores their jobs. Gives those that nobody else has moved. */
  fire(fires: readonly Fire[]): Promise<Fire[]>;
  /** @param of One schedule's alone; null: of all. */
  unstarted(
    machines: readonly string[],
    limit: number,
    of: Pick<ScheduleRow, "tenantId" | "id"> | null,
  ): Promise<UnstartedRun[]>;
  /** Notes what became of it. */
  started(run: UnstartedRun, outcome: RunOutcome, note: string | null): Promise<void>;
}
