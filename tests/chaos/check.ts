/**
 * The invariants of the store, checked over every job there is, whatever happened to it.
 *
 * One snapshot of the tables is read; each history is folded through the job machine itself. Run it
 * after the faults have healed and, for the strictest form, after everything has drained.
 */
import type postgres from "postgres";
import { JOB_EVENTS, type JobEvent, type JobEventType } from "../../machines/job.ts";
import { eventOf, stateOf } from "../../src/core/codes.ts";
import {
  INITIAL_STATE,
  isTerminal,
  type JobPosition,
  transition,
} from "../../src/core/lifecycle.ts";

/** What the test knows. */
export interface Expected {
  /** Ids that the API has acknowledged. */
  readonly acknowledged: readonly string[];
  /** Every job has ended: nothing may be live or leased any more. */
  readonly isDrained: boolean;
}

const SHOWN = 20;

/** Fails with the first violations, if there are any. */
export async function assertSound(sql: postgres.Sql, expected: Expected): Promise<void> {
  const violations = await findViolations(sql, expected);
  if (violations.length === 0) return;
  const more = violations.length > SHOWN ? `\n… and ${violations.length - SHOWN} more` : "";
  throw new Error(`Not sound:\n${violations.slice(0, SHOWN).join("\n")}${more}`);
}

/** Every violation, in words. */
export async function findViolations(sql: postgres.Sql, expected: Expected): Promise<string[]> {
  const { jobs, history, leases, slots, counters, keys, effects } = await readSnapshot(sql);
  const stored = new Map(jobs.map((job) => [job.id, job]));
  const histories = groupBy(history, (row) => row.job_id);
  return [
    ...duplicates(jobs.map((job) => job.id)).map((id) => `${id}: stored in more than one home`),
    ...expected.acknowledged.filter((id) => !stored.has(id)).map((id) => `${id}: lost`),
    ...[...histories.keys()].filter((id) => !stored.has(id)).map((id) => `${id}: history only`),
    ...jobs.flatMap((job) => checkHistory(job, histories.get(job.id) ?? [])),
    ...jobs.flatMap((job) => checkHome(job, expected.isDrained)),
    ...checkLeases(jobs, leases),
    ...checkSlots(slots),
    ...checkCounters(jobs, counters),
    ...checkKeys(jobs, keys),
    ...checkEffects(jobs, effects),
  ];
}

interface JobRow {
  readonly home: "job" | "job_archive" | "dead_letter";
  readonly id: string;
  readonly queue: string;
  readonly type: string;
  readonly state: number;
  readonly version: number;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly crashes: number;
  readonly max_crashes: number;
  readonly lease_id: string | null;
  readonly idempotency_key: string | null;
}

interface HistoryRow {
  readonly job_id: string;
  readonly version: number;
  readonly event: number;
  readonly from_state: number | null;
  readonly to_state: number;
  readonly attempt: number;
}

interface LeaseRow {
  readonly id: string;
  readonly n_left: number;
}

interface SlotRow {
  readonly name: string;
  readonly n: number;
  readonly lease_id: string;
  /** Jobs that run under the lease. */
  readonly running: number;
}

interface CounterRow {
  readonly queue: string;
  readonly state: number;
  readonly n: number;
}

interface KeyRow {
  readonly key: string;
  readonly job_id: string;
}

interface EffectRow {
  readonly key: string;
  readonly job_id: string;
  readonly attempt: number;
}

/** Everything at one moment. */
async function readSnapshot(sql: postgres.Sql) {
  return await sql.begin("isolation level repeatable read read only", async (tx) => {
    const [table] = await tx`select to_regclass('debug_effect') is not null as is_there`;
    return {
      jobs: await tx<JobRow[]>`
        select 'job' as home, id, queue, type, state, version, attempt, max_attempts, crashes,
               max_crashes, lease_id, idempotency_key from perdura.job
        union all
        select 'job_archive', id, queue, type, state, version, attempt, max_attempts, crashes,
               max_crashes, null, idempotency_key from perdura.job_archive
        union all
        select 'dead_letter', id, queue, type, state, version, attempt, max_attempts, crashes,
               max_crashes, null, idempotency_key from perdura.dead_letter`,
      history: await tx<HistoryRow[]>`
        select job_id, version, event, from_state, to_state, attempt
          from perdura.history order by job_id, version`,
      leases: await tx<LeaseRow[]>`select id, n_left from perdura.lease`,
      slots: await tx<SlotRow[]>`
        select s.name, s.n, s.lease_id, (
          select count(*)::int from perdura.lease le
           cross join lateral unnest(le.tenants, le.ids) as v(t, i)
            join perdura.job j on j.tenant_id = v.t and j.id = v.i and j.lease_id = le.id
           where le.id = s.lease_id and s.tenant_id in ('*', j.tenant_id)
             and case s.kind when 0 then true when 1 then j.queue = s.name when 2 then j.type = s.name
                 else j.limit_key = s.name end) as running
          from perdura.slot s`,
      counters: await tx<CounterRow[]>`
        select queue, state, sum(n)::int as n from (
          select queue, state, n from perdura.counter
          union all
          select queue, to_state, n from perdura.counter_delta where to_state is not null
          union all
          select queue, from_state, -n from perdura.counter_delta where from_state is not null) c
         group by queue, state`,
      keys: await tx<KeyRow[]>`select key, job_id from perdura.unique_key`,
      effects: table?.is_there
        ? await tx<EffectRow[]>`select key, job_id, attempt from debug_effect`
        : [],
    };
  });
}

/** Versions 1..n without a gap, each step one that the machine takes, the last one what is stored. */
function checkHistory(job: JobRow, rows: readonly HistoryRow[]): string[] {
  const say = (text: string) => [`${job.id} (${job.type}): ${text}; ${pathOf(rows)}`];
  let position: JobPosition | null = null;
  for (const [index, row] of rows.entries()) {
    if (row.version !== index + 1) return say(`version ${row.version} at place ${index + 1}`);
    position = position === null ? firstPosition(job, row) : nextPosition(position, row);
    if (position === null) return say(`step ${row.version} is not one of the machine`);
  }
  if (position === null) return say("no history");
  const { state, context } = position;
  const told = [state, rows.length, context.attempt, context.crashes].join();
  const stored = [stateOf(job.state), job.version, job.attempt, job.crashes].join();
  if (told !== stored) return say(`the history tells ${told}, stored is ${stored}`);
  if (job.attempt > job.max_attempts) return say(`attempt ${job.attempt} of ${job.max_attempts}`);
  return job.crashes > job.max_crashes ? say(`crash ${job.crashes} of ${job.max_crashes}`) : [];
}

function firstPosition(job: JobRow, row: HistoryRow): JobPosition | null {
  const isBirth = eventOf(row.event) === "ENQUEUE" && row.from_state === null &&
    stateOf(row.to_state) === INITIAL_STATE && row.attempt === 0;
  if (!isBirth) return null;
  const context = {
    attempt: 0,
    maxAttempts: job.max_attempts,
    crashes: 0,
    maxCrashes: job.max_crashes,
    cancelRequested: false,
  };
  return { state: INITIAL_STATE, context };
}

/** The history does not tell what the guards saw: any answer of the machine that fits will do. */
function nextPosition(position: JobPosition, row: HistoryRow): JobPosition | null {
  if (row.from_state === null || stateOf(row.from_state) !== position.state) return null;
  for (const cancelRequested of [false, true]) {
    for (const event of possibleEvents[eventOf(row.event)]) {
      const context = { ...position.context, cancelRequested };
      const decision = transition({ state: position.state, context }, event);
      const fits = decision.accepted && decision.to === stateOf(row.to_state) &&
        decision.context.attempt === row.attempt;
      if (fits) return { state: decision.to, context: decision.context };
    }
  }
  return null;
}

const when = { delayMs: 0 };

/** Events of a type, one for each thing that a guard may ask of it. */
const possibleEvents: Readonly<Record<JobEventType, readonly JobEvent[]>> = {
  ENQUEUE: [{ type: "ENQUEUE" }],
  SCHEDULE: [{ type: "SCHEDULE", when }],
  CLAIM: [{ type: "CLAIM" }],
  SUCCEED: [{ type: "SUCCEED" }],
  FAIL: [{ type: "FAIL", retryable: true, when }, { type: "FAIL", retryable: false, when }],
  LEASE_EXPIRED: [{ type: "LEASE_EXPIRED" }],
  SNOOZE: [{ type: "SNOOZE", when }],
  INTERRUPTED: [{ type: "INTERRUPTED" }],
  CANCEL: [{ type: "CANCEL" }],
  REQUEUE: [{ type: "REQUEUE" }],
  RETRY_NOW: [{ type: "RETRY_NOW" }],
};

/** Ended jobs in their home and live ones in theirs; after the drain none is live. */
function checkHome(job: JobRow, isDrained: boolean): string[] {
  const state = stateOf(job.state);
  const home = !isTerminal(state) ? "job" : state === "dead_letter" ? "dead_letter" : "job_archive";
  if (home !== job.home) return [`${job.id}: ${state}, but in ${job.home}`];
  return isDrained && home === "job" ? [`${job.id}: still ${state} after the drain`] : [];
}

/** A running job has a lease, only it has one, and a lease knows how many it holds. */
function checkLeases(jobs: readonly JobRow[], leases: readonly LeaseRow[]): string[] {
  const known = new Set(leases.map((lease) => lease.id));
  const held = groupBy(jobs.filter((job) => job.lease_id !== null), (job) => job.lease_id ?? "");
  return [
    ...jobs.flatMap((job) => {
      const isRunning = stateOf(job.state) === "running";
      if (isRunning !== (job.lease_id !== null)) {
        return [`${job.id}: ${stateOf(job.state)} with lease ${job.lease_id}`];
      }
      const isHeld = job.lease_id === null || known.has(job.lease_id);
      return isHeld ? [] : [`${job.id}: running under lease ${job.lease_id}, which is gone`];
    }),
    ...leases.flatMap(({ id, n_left }) => {
      const count = held.get(id)?.length ?? 0;
      return count === n_left ? [] : [`lease ${id}: says ${n_left} jobs, holds ${count}`];
    }),
  ];
}

/** The slots of a lease are held by its jobs that run, one each, and by nobody else. */
function checkSlots(slots: readonly SlotRow[]): string[] {
  return slots.filter(({ n, running }) => n !== running)
    .map(({ name, n, running, lease_id }) =>
      `slots of "${name}": ${n} are taken under ${lease_id}, where ${running} jobs run`
    );
}

/** The counters that people see are the rows there are. */
function checkCounters(jobs: readonly JobRow[], counters: readonly CounterRow[]): string[] {
  const key = (queue: string, state: number) => `${queue} ${stateOf(state)}`;
  const counted = groupBy(jobs, (job) => key(job.queue, job.state));
  const shown = new Map(counters.map(({ queue, state, n }) => [key(queue, state), n]));
  return [...new Set([...counted.keys(), ...shown.keys()])].flatMap((name) => {
    const [rows, counter] = [counted.get(name)?.length ?? 0, shown.get(name) ?? 0];
    return rows === counter ? [] : [`counter ${name}: shows ${counter}, there are ${rows}`];
  });
}

/** A key points at a job, and no other live job has it. */
function checkKeys(jobs: readonly JobRow[], keys: readonly KeyRow[]): string[] {
  const stored = new Set(jobs.map((job) => job.id));
  const live = jobs.filter((job) => job.home === "job" && job.idempotency_key !== null);
  return [
    ...keys.filter(({ job_id }) => !stored.has(job_id)).map(({ key }) => `key ${key}: no job`),
    ...duplicates(live.map((job) => job.idempotency_key)).map((key) => `key ${key}: two live jobs`),
  ];
}

/** A write in a job's transaction happened once if the job succeeded, and never otherwise. */
function checkEffects(jobs: readonly JobRow[], effects: readonly EffectRow[]): string[] {
  const byJob = groupBy(effects, (row) => row.job_id);
  const stored = new Set(jobs.map((job) => job.id));
  return [
    ...duplicates(effects.map(({ key }) => key)).map((key) => `effect ${key}: more than once`),
    ...effects.filter((row) => !stored.has(row.job_id)).map(({ key }) => `effect ${key}: no job`),
    ...jobs.filter((job) => job.type === "debug.effect").flatMap((job) => {
      const rows = byJob.get(job.id) ?? [];
      const wanted = stateOf(job.state) === "succeeded" ? 1 : 0;
      if (rows.length !== wanted) return [`${job.id}: ${rows.length} effects, wanted ${wanted}`];
      const isOfAttempt = rows.every((row) => row.attempt === job.attempt);
      return isOfAttempt ? [] : [`${job.id}: effect of attempt ${rows[0]?.attempt}`];
    }),
  ];
}

function pathOf(rows: readonly HistoryRow[]): string {
  const name = (state: number | null) => state === null ? "·" : stateOf(state);
  return rows.map((row) =>
    `${row.version} ${JOB_EVENTS[row.event]} ${name(row.from_state)}→${name(row.to_state)} ` +
    `#${row.attempt}`
  ).join(", ");
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  return Map.groupBy(items, key);
}

function duplicates<T>(items: readonly T[]): T[] {
  const seen = new Set<T>();
  return [...new Set(items.filter((item) => seen.has(item) || !seen.add(item)))];
}
