/** Adding jobs, latency, and jobs that come due together. */
import { meter, type Spent } from "../place/meter.ts";
import type { Contestant } from "./contestants.ts";
import { EMPTY, type Lab } from "./lab.ts";
import { type Measurement, percentiles, round } from "./measurement.ts";

/** Jobs added one by one, `inFlight` calls at a time, for `ms`; each durable on return. */
export async function addOneByOne(
  lab: Lab,
  who: Contestant,
  plan: { ms: number; inFlight: number },
): Promise<Measurement> {
  await using place = await lab.prepare(who, EMPTY);
  await using agent = await lab.start(who, place);
  await lab.server.settle();
  const finish = meter(place.pid, [agent.pid]);
  const { jobs, ms } = await agent.call("addOneByOne", plan);
  return {
    unit: "jobs/s",
    value: round(jobs / ms * 1000),
    jobs,
    ...costs(finish(), jobs),
  };
}

/** Jobs added in bulk: 1,000 per call, two calls in flight. */
export async function addInBulk(
  lab: Lab,
  who: Contestant,
  plan: { jobs: number; bytes?: number },
): Promise<Measurement> {
  const { jobs, bytes = 83 } = plan;
  await using place = await lab.prepare(who, EMPTY);
  await using agent = await lab.start(who, place);
  await agent.call("fill", { jobs: 200, chunk: 100, bytes });
  await lab.server.settle();
  const wal = await lab.server.wal();
  const finish = meter(place.pid, [agent.pid]);
  // The same bytes per call, whatever the payload.
  const chunk = Math.max(50, Math.round(1000 * Math.min(1, 1000 / bytes)));
  const ms = await agent.call("fill", { jobs, bytes, chunk });
  return {
    unit: "jobs/s",
    value: round(jobs / ms * 1000),
    jobs,
    ...costs(finish(), jobs),
    ...(place.database === null ? {} : { walBytes: round((await lab.server.wal() - wal) / jobs) }),
  };
}

/** How to measure latency. */
export interface LatencyPlan {
  readonly jobs: number;
  readonly gapMs: number;
  /** The process that adds also runs. */
  readonly isInProcess?: boolean;
  /** Half of 100 slots are busy with jobs that sleep. */
  readonly isHalfLoaded?: boolean;
}

/** The first few connect, prepare and compile. */
const WARM_UP = 10;
const HALF_LOAD = { perSecond: 1000, sleepMs: 50 };

/** From just before the call that adds a job to the start of its handler. */
export async function latency(lab: Lab, who: Contestant, plan: LatencyPlan): Promise<Measurement> {
  const { jobs, gapMs, isInProcess = false, isHalfLoaded = false } = plan;
  await using place = await lab.prepare(who, EMPTY);
  await using worker = await lab.start(who, place);
  await using other = isInProcess ? null : await lab.start(who, place);
  await using loader = isHalfLoaded ? await lab.start(who, place) : null;
  const producer = other ?? worker;
  await worker.call("work", { concurrency: isHalfLoaded ? 100 : null });
  if (loader) await loader.call("load", HALF_LOAD);
  await producer.call("probe", { jobs: WARM_UP, gapMs });
  await lab.server.settle();
  await producer.call("probe", { jobs, gapMs });
  const deadline = performance.now() + 30_000;
  let samples: number[] = [];
  while (samples.length < jobs + WARM_UP && performance.now() < deadline) {
    await new Promise((done) => setTimeout(done, 50));
    samples = await worker.call("lateness", null);
  }
  const measured = samples.slice(WARM_UP);
  if (measured.length < jobs) {
    throw new Error(`${measured.length} of ${jobs} jobs were started`);
  }
  const found = percentiles(measured);
  return { unit: "ms", value: found.p50, jobs, ...found };
}

/** Jobs that all come due at one moment: how late the last of them starts. */
export async function dueTogether(
  lab: Lab,
  who: Contestant,
  plan: { jobs: number; delayMs: number },
): Promise<Measurement> {
  const { jobs, delayMs } = plan;
  await using place = await lab.prepare(who, EMPTY);
  await using worker = await lab.start(who, place);
  await using producer = await lab.start(who, place);
  await worker.call("work", { concurrency: null });
  await producer.call("fill", { jobs, delayMs });
  const deadline = performance.now() + delayMs + 60_000;
  while (worker.ended < jobs) {
    if (performance.now() > deadline) {
      throw new Error(`${worker.ended} of ${jobs} were started`);
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  const samples = await worker.call("lateness", null);
  return {
    unit: "ms",
    value: round(Math.max(...samples), 1),
    jobs,
    ...percentiles(samples),
  };
}

function costs({ database, workers, otherCores }: Spent, jobs: number) {
  return {
    databaseUs: round(database / jobs * 1e6, 1),
    workerUs: round(workers / jobs * 1e6, 1),
    otherCores: round(otherCores, 2),
  };
}
