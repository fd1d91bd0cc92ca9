/** Ways to add jobs: in bulk, one by one with some in flight, at a steady rate. */
import { now, order, type System, type Work } from "./system.ts";

/** Jobs to put in store before a measurement. */
export interface FillPlan {
  readonly jobs: number;
  /** Size of a payload; default 83. */
  readonly bytes?: number;
  /** Jobs are dealt to so many tenants in turn. */
  readonly tenants?: number;
  /** This tenant has all of them. */
  readonly tenant?: string;
  readonly sleepMs?: number;
  /** Percent of the jobs that fail once. */
  readonly failing?: number;
  /** All come due this long after the fill began. */
  readonly delayMs?: number;
  /** The handler notes when each of them starts. */
  readonly isStamped?: boolean;
  /** Jobs per call; default 1,000. */
  readonly chunk?: number;
  /** Calls in flight; default 2. */
  readonly inFlight?: number;
}

/** Adds jobs in bulk. Gives the milliseconds it took. */
export async function fill(system: System, plan: FillPlan): Promise<number> {
  const { jobs, chunk = 1000, inFlight = 2 } = plan;
  const begun = now();
  const dueAt = plan.delayMs === undefined ? null : begun + plan.delayMs;
  let next = 0;
  const lane = async () => {
    while (next < jobs) {
      const from = next;
      next = Math.min(jobs, from + chunk);
      const works = Array.from(
        { length: next - from },
        (_, i) => workOf(plan, from + i, dueAt),
      );
      await system.addMany(works);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return now() - begun;
}

function workOf(plan: FillPlan, index: number, dueAt: number | null): Work {
  const { bytes, tenants, sleepMs, failing = 0 } = plan;
  const tenant = plan.tenant ??
    (tenants === undefined ? undefined : `t${index % tenants}`);
  return {
    payload: {
      ...order(bytes),
      ...(sleepMs === undefined ? {} : { sleepMs }),
      ...(index % 100 < failing ? { failures: 1 } : {}),
      ...(dueAt !== null ? { startAt: dueAt } : plan.isStamped ? { startAt: 0 } : {}),
    },
    ...(tenant === undefined ? {} : { tenant }),
    ...(dueAt === null ? {} : { delayMs: Math.max(0, Math.round(dueAt - now())) }),
  };
}

/** Adds jobs one by one for `ms`, with `inFlight` calls at a time. Gives how many, and how long. */
export async function addOneByOne(
  system: System,
  { ms, inFlight }: { ms: number; inFlight: number },
): Promise<{ jobs: number; ms: number }> {
  // Connections, plans and caches are not what is measured.
  await Promise.all(
    Array.from({ length: inFlight }, () => system.add({ payload: order() })),
  );
  const begun = now();
  let jobs = 0;
  const lane = async () => {
    while (now() - begun < ms) {
      await system.add({ payload: order() });
      jobs++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { jobs, ms: now() - begun };
}

/** Adds jobs at random moments that say when they were sent. */
export async function probe(
  system: System,
  { jobs, gapMs }: { jobs: number; gapMs: number },
): Promise<void> {
  for (let n = 0; n < jobs; n++) {
    await pause(gapMs * (0.5 + Math.random()));
    await system.add({ payload: { ...order(), startAt: now() } });
  }
}

/** Adds `perSecond` jobs in small bulks until told to stop. */
export function steadyLoad(
  system: System,
  { perSecond, sleepMs }: { perSecond: number; sleepMs: number },
): () => void {
  let isOver = false;
  const run = async () => {
    const begun = now();
    let added = 0;
    while (!isOver) {
      const owed = Math.floor((now() - begun) / 1000 * perSecond) - added;
      if (owed > 0) {
        const works = Array.from(
          { length: owed },
          () => ({ payload: { ...order(), sleepMs } }),
        );
        added += owed;
        await system.addMany(works);
      }
      await pause(20);
    }
  };
  void run();
  return () => isOver = true;
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
