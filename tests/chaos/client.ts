/** What the process tests ask of an API, and what they look up in the database behind it. */
import type postgres from "postgres";
import { JOB_STATES, type JobState } from "../../machines/job.ts";
import { stateCode, stateOf } from "../../src/core/codes.ts";
import type { Job, NewJobInput, Transition } from "../../src/core/job.ts";
import { isTerminal } from "../../src/core/lifecycle.ts";
import { eventually } from "../support/build.ts";
import { PATIENCE_MS, type Scene } from "./support.ts";

/** An answer of the API. `status` 0: there was none. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Sends one request. A connection that breaks is an answer too. */
export async function request(url: string, body?: unknown): Promise<Answer> {
  try {
    const response = await fetch(url, {
      ...(body === undefined ? {} : {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { status: response.status, body: await response.json() };
  } catch (error) {
    return { status: 0, body: String(error) };
  }
}

/** Stores jobs in batches; gives their ids in order. */
export async function submit(api: string, jobs: readonly NewJobInput[]): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < jobs.length; at += 1000) {
    const batch = jobs.slice(at, at + 1000);
    const { ids: stored } = await ask<{ ids: string[] }>(`${api}/jobs/batch`, 201, { jobs: batch });
    ids.push(...stored);
  }
  return ids;
}

/** One job, over the API. */
export function getJob(api: string, id: string): Promise<Job> {
  return ask<Job>(`${api}/jobs/${id}`, 200);
}

/** A job's history, as `event from → to`. */
export async function readPath(api: string, id: string): Promise<string[]> {
  const { items } = await ask<{ items: Transition[] }>(`${api}/jobs/${id}/transitions`, 200);
  return items.map(({ event, from, to }) => `${event} ${from} → ${to}`);
}

/** An answer that must have this status. */
export async function ask<T>(url: string, status: number, body?: unknown): Promise<T> {
  const answer = await request(url, body);
  if (answer.status === status) return answer.body as T;
  throw new Error(`${url} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

/** `count` jobs of a kind. */
export function jobs(count: number, make: (n: number) => NewJobInput): NewJobInput[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

/** A job that writes one row, once. */
export function effect(key: string): NewJobInput {
  return { type: "debug.effect", payload: { key } };
}

/** A job that sleeps. */
export function sleeper(ms: number): NewJobInput {
  return { type: "debug.sleep", payload: { ms } };
}

/** Jobs of each state, in any home. */
export async function countStates(sql: postgres.Sql): Promise<Partial<Record<JobState, number>>> {
  const rows = await sql<{ state: number; n: number }[]>`
    select state, count(*)::int as n from (
      select state from perdura.job
      union all select state from perdura.job_archive
      union all select state from perdura.dead_letter) j
     group by state`;
  return Object.fromEntries(rows.map(({ state, n }) => [stateOf(state), n]));
}

/** How many effects have happened. */
export async function countEffects(sql: postgres.Sql): Promise<number> {
  const [row] = await sql`select count(*)::int as n from debug_effect`;
  return row?.n;
}

/** How many jobs, of any type or of one, a worker holds at this moment, by its leases. */
export async function countHeld(
  sql: postgres.Sql,
  worker: string,
  type: string | null = null,
): Promise<number> {
  const [row] = await sql`
    select count(*)::int as n from perdura.lease le
      join perdura.job j on j.lease_id = le.id
     where le.worker = ${worker} and j.state = ${stateCode("running")}
       and (${type}::text is null or j.type = ${type})`;
  return row?.n;
}

/** How many steps of an event were recorded whose cause is this. */
export async function countCauses(sql: postgres.Sql, cause: string): Promise<number> {
  const [row] = await sql`
    select count(*)::int as n from perdura.history where cause = ${cause}`;
  return row?.n;
}

/** Waits until `done` says so of the counts. While the database is away it waits on. */
export async function untilStates(
  scene: Scene,
  what: string,
  done: (counts: Partial<Record<JobState, number>>) => boolean,
  timeoutMs = 2 * PATIENCE_MS,
): Promise<void> {
  const sql = await scene.sql();
  let last: unknown = null;
  const look = async () => {
    const counts = await countStates(sql).catch(() => null);
    last = counts ?? last;
    return counts !== null && done(counts);
  };
  await eventually(what, look, timeoutMs).catch((error) => {
    throw new Error(`${error.message}; last seen: ${JSON.stringify(last)}`);
  });
}

/** Waits until this many jobs have succeeded. */
export function untilSucceeded(scene: Scene, count: number): Promise<void> {
  return untilStates(scene, `${count} jobs succeed`, (counts) => counts.succeeded === count);
}

/** Waits until no job is live. */
export async function untilDrained(scene: Scene): Promise<void> {
  const isLive = (state: JobState) => !isTerminal(state);
  await untilStates(scene, "all jobs end", (counts) => {
    const states = JOB_STATES.filter((state) => (counts[state] ?? 0) > 0);
    return states.length > 0 && !states.some(isLive);
  });
}
