/**
 * Draining: jobs are in store, a worker starts, and the clock stops when the store says that nothing
 * is left.
 *
 * The worker's process is up and its modules are loaded before the clock starts; connecting and the
 * first claim count. Commits count as well: the last job is over when its ending is stored.
 */
import type { Agent } from "../agent/process.ts";
import { meter } from "../place/meter.ts";
import type { Contestant } from "./contestants.ts";
import type { Contents, Lab, Place } from "./lab.ts";
import { type Measurement, percentiles, round } from "./measurement.ts";

/** What to drain, and how. */
export interface DrainPlan {
  readonly contents: Contents;
  /** Jobs of the first fill. */
  readonly jobs: number;
  /** Handler runs that this takes, when some fail. */
  readonly runs?: number;
  readonly workers?: number;
  readonly concurrency?: number;
  /** Another session keeps a snapshot open. */
  readonly isHeld?: boolean;
  /** The time until every job has been tried once, without the retries. */
  readonly isTimedToFirstRuns?: boolean;
  /** How long stamped jobs waited is the result. */
  readonly isTimedByLateness?: boolean;
  /** The database stays, with what has been finished in it; filled again each time. */
  readonly isKept?: boolean;
}

const PATIENCE_MS = 180_000;

/** Measures one drain. */
export async function drain(lab: Lab, who: Contestant, plan: DrainPlan): Promise<Measurement> {
  const { contents, jobs, runs = jobs, workers = 1 } = plan;
  await using place = plan.isKept
    ? await lab.keep(who, { ...contents, fills: [] })
    : await lab.prepare(who, contents);
  if (plan.isKept) await refill(lab, who, place, contents);
  await using stack = new AsyncDisposableStack();
  const agents: Agent[] = [];
  for (let n = 0; n < workers; n++) {
    agents.push(stack.use(await lab.start(who, place)));
  }
  const backlog = contents.hasBacklog ? stack.use(await watchEnds(lab, place)) : null;
  if (plan.isHeld) stack.use(await holdSnapshot(lab, place));
  await lab.server.settle();
  const finish = meter(place.pid, agents.map(({ pid }) => pid));
  const wal = await lab.server.wal();
  const begun = performance.now();
  const startedAt = performance.timeOrigin + begun;
  await Promise.all(
    agents.map((agent) => agent.call("work", { concurrency: plan.concurrency ?? null })),
  );
  const firstRunsMs = await untilEnded(agents, jobs, begun);
  await untilEnded(agents, runs, begun);
  if (backlog === null) await untilIdle(agents);
  const spent = finish();
  // Before a backlog there is no end: what is stored by now counts, and not what has only run.
  const done = backlog === null ? jobs : await backlog.archived();
  const late = await Promise.all(agents.map((agent) => agent.call("lateness", null)));
  const waits = late.flat().map((at) => at - startedAt);
  const seconds = plan.isTimedToFirstRuns ? firstRunsMs / 1000 : spent.seconds;
  return {
    ...(plan.isTimedByLateness
      ? { unit: "ms", value: percentiles(waits).p99, ...percentiles(waits) }
      : { unit: "jobs/s", value: round(done / seconds) }),
    jobs: done,
    databaseUs: round(spent.database / done * 1e6, 1),
    workerUs: round(spent.workers / done * 1e6, 1),
    ...(place.database === null ? {} : { walBytes: round((await lab.server.wal() - wal) / done) }),
    otherCores: round(spent.otherCores, 2),
  };
}

/** By a process of its own: the worker's must be as fresh as in any other drain. */
async function refill(lab: Lab, who: Contestant, place: Place, contents: Contents): Promise<void> {
  await using agent = await lab.start(who, place);
  for (const fill of contents.fills) await agent.call("fill", fill);
  await lab.server.run(place.database ?? "", "vacuum analyze perdura.job");
}

/** Waits until so many handler runs have ended. Gives the milliseconds since `begun`. */
async function untilEnded(agents: readonly Agent[], runs: number, begun: number): Promise<number> {
  const ended = () => agents.reduce((sum, agent) => sum + agent.ended, 0);
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new Error(`${ended()} of ${runs} jobs after ${PATIENCE_MS / 1000} s`),
      );
    }, PATIENCE_MS);
    const look = () => {
      if (ended() < runs) return;
      clearTimeout(timer);
      resolve();
    };
    for (const agent of agents) agent.onNews = look;
    look();
  });
  return performance.now() - begun;
}

/** Ours alone, in a store where nothing had ended before; by a session that is there already. */
async function watchEnds(lab: Lab, { database }: Place) {
  const sql = lab.server.connect(database ?? "");
  const archived = async () => {
    const [row] = await sql`select count(*)::integer as n from perdura.job_archive`;
    return Number(row?.n);
  };
  await archived();
  return { archived, [Symbol.asyncDispose]: () => sql[Symbol.asyncDispose]() };
}

async function untilIdle([agent]: readonly Agent[]): Promise<void> {
  while (await agent?.call("isBusy", null)) {
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** A session that keeps a snapshot open until it is disposed of. */
export async function holdSnapshot(lab: Lab, { database }: Place): Promise<AsyncDisposable> {
  const sql = lab.server.connect(database ?? "");
  await sql.unsafe("begin isolation level repeatable read");
  await sql.unsafe("select count(*) from pg_class");
  return sql;
}
