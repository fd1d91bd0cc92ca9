/** Every workload: who takes part, what is measured, in both sizes. */
import type { FillPlan } from "../agent/jobs.ts";
import { contestant } from "./contestants.ts";
import { drain, type DrainPlan } from "./drain.ts";
import type { Lab } from "./lab.ts";
import type { Measurement } from "./measurement.ts";
import { addInBulk, addOneByOne, dueTogether, latency } from "./others.ts";

/** Quick: a few seconds per cell. */
export type Size = "quick" | "full";

/** One column of a workload. `name` is a contestant's, or a variation of ours. */
export interface Entry {
  readonly name: string;
  readonly who: string;
  readonly measure: (lab: Lab) => Promise<Measurement>;
}

/** One table of the report. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  /** In quick runs once, after the rounds. */
  readonly isExtra: boolean;
  readonly entries: readonly Entry[];
}

/** All of them, in the order of the report. */
export function workloadsOf(size: Size): Workload[] {
  const pick = (quick: number, full: number) => size === "quick" ? quick : full;
  return [
    drains(pick),
    ourDrains(pick),
    sleepers(pick),
    ...adding(pick),
    ...latencies(pick),
    // Before what a quick run that is short of time leaves out.
    workflows(pick),
    workflowLatency(pick),
    ...payloads(pick),
    retries(pick),
    together(pick),
    fairShare(pick),
  ];
}

type Pick = (quick: number, full: number) => number;

function drainEntry(who: string, plan: DrainPlan, name = who): Entry {
  return { name, who, measure: (lab) => drain(lab, contestant(who), plan) };
}

/** A drain of plain jobs. */
function plain(jobs: number, more: Partial<DrainPlan> = {}, fill: Partial<FillPlan> = {}) {
  return { jobs, contents: { fills: [{ jobs, ...fill }] }, ...more };
}

function drains(pick: Pick): Workload {
  const most = pick(40_000, 100_000);
  return {
    name: "drain",
    title: "Drain: jobs in store, one worker process",
    isExtra: false,
    entries: [
      drainEntry("perdura", plain(most)),
      drainEntry("ceiling", plain(most)),
      drainEntry("graphile-fastest", plain(most)),
      drainEntry("graphile-fastest", plain(most, { workers: 2 }), "graphile-two"),
      drainEntry("graphile-24", plain(pick(1_500, 20_000))),
      drainEntry("graphile-default", plain(pick(800, 5_000))),
      drainEntry("pgboss", plain(pick(15_000, 100_000))),
      drainEntry("bullmq", plain(pick(10_000, 100_000))),
      ...(pick(0, 1) ? [drainEntry("bullmq-durable", plain(30_000))] : []),
    ],
  };
}

function ourDrains(pick: Pick): Workload {
  const jobs = pick(40_000, 100_000);
  const held = pick(60_000, 400_000);
  const waiting = {
    fills: [{ jobs }, { jobs: pick(100_000, 1_000_000) }],
    hasBacklog: true,
  };
  const finished = { fills: [{ jobs }], finished: pick(300_000, 10_000_000) };
  return {
    name: "scale",
    title: "Scale: our drain under other conditions",
    isExtra: false,
    entries: [
      drainEntry("perdura", plain(jobs)),
      drainEntry("perdura", plain(jobs, { workers: 2 }), "processes2"),
      drainEntry("perdura", plain(jobs, {}, { tenants: 1000 }), "tenants1000"),
      drainEntry("perdura", { jobs, contents: waiting }, "waiting1m"),
      drainEntry("perdura", { jobs, contents: finished, isKept: true }, "finished10m"),
      drainEntry("perdura", plain(held, { isHeld: true }), "held"),
      ...(pick(0, 1)
        ? [
          drainEntry("graphile-fastest", plain(held, { isHeld: true }), "graphile-held"),
        ]
        : []),
    ],
  };
}

function sleepers(pick: Pick): Workload {
  const entries = (who: string, most: readonly number[]) =>
    most.map((workers) => {
      const jobs = workers * pick(2_000, 8_000);
      const plan = plain(jobs, { workers, concurrency: 100 }, { sleepMs: 50 });
      return drainEntry(who, plan, `${who}-${workers}`);
    });
  return {
    name: "sleep",
    title: "Jobs that sleep 50 ms, 100 at once per worker; 1, 2 and 4 workers",
    isExtra: false,
    entries: [
      ...entries("perdura", [1, 2, 4]),
      ...(pick(0, 1) ? [...entries("graphile-24", [1, 4]), ...entries("bullmq", [1, 4])] : []),
    ],
  };
}

function adding(pick: Pick): Workload[] {
  const ms = pick(700, 4_000);
  const oneByOne = (inFlight: number, names: readonly string[]) =>
    names.map((who) => ({
      name: who,
      who,
      measure: (lab: Lab) => addOneByOne(lab, contestant(who), { ms, inFlight }),
    }));
  const queues = ["perdura", "ceiling", "graphile-fastest", "pgboss", "bullmq"];
  const postgres = ["openworkflow", "absurd", "dbos"];
  return [
    {
      name: "enqueue1",
      title: "Adding one by one, one in flight",
      isExtra: true,
      // One in flight has nothing to share: the ceiling would be the same statement.
      entries: oneByOne(1, [...queues, ...postgres].filter((name) => name !== "ceiling")),
    },
    {
      name: "enqueue32",
      title: "Adding one by one, 32 in flight, each durable on return",
      isExtra: false,
      entries: oneByOne(32, [...queues, ...postgres]),
    },
    {
      name: "bulk",
      title: "Adding in bulk, 1,000 per call, two calls in flight",
      isExtra: false,
      entries: queues.map((who) => ({
        name: who,
        who,
        measure: (lab) => addInBulk(lab, contestant(who), { jobs: pick(30_000, 100_000) }),
      })),
    },
  ];
}

function latencies(pick: Pick): Workload[] {
  const idle = { jobs: pick(50, 300), gapMs: 30 };
  const entries = (names: readonly string[], more: object) =>
    names.map((who) => ({
      name: who,
      who,
      measure: (lab: Lab) => latency(lab, contestant(who), { ...idle, ...more }),
    }));
  const all = ["perdura", "ceiling", "graphile-24", "pgboss-notify", "bullmq"];
  return [
    {
      name: "latency",
      title: "Latency, from adding to the start of the handler: idle, across processes",
      isExtra: false,
      entries: entries(all, {}),
    },
    {
      name: "latency-in-process",
      title: "Latency, idle, within one process",
      isExtra: true,
      entries: entries(all, { isInProcess: true }),
    },
    {
      name: "latency-sparse",
      title: "Latency across processes, a job every 150 ms",
      isExtra: true,
      entries: entries(all, { jobs: pick(20, 100), gapMs: 150 }),
    },
    {
      name: "latency-half-load",
      title: "Latency across processes with half of 100 slots busy (50 ms jobs, 1,000/s)",
      isExtra: true,
      entries: entries(["perdura", "graphile-fastest", "bullmq"], {
        isHalfLoaded: true,
      }),
    },
  ];
}

function payloads(pick: Pick): Workload[] {
  const names = [
    "perdura",
    "graphile-fastest",
    ...(pick(0, 1) ? ["pgboss", "bullmq"] : []),
  ];
  const sizes = [
    { label: "1k", bytes: 1_024, jobs: pick(10_000, 50_000) },
    { label: "32k", bytes: 32_768, jobs: pick(1_500, 10_000) },
  ];
  return sizes.flatMap(({ label, bytes, jobs }) => [
    {
      name: `bulk-${label}`,
      title: `Adding in bulk, payloads of ${bytes} bytes`,
      isExtra: true,
      entries: names.map((who) => ({
        name: who,
        who,
        measure: (lab: Lab) => addInBulk(lab, contestant(who), { jobs, bytes }),
      })),
    },
    {
      name: `drain-${label}`,
      title: `Drain, payloads of ${bytes} bytes`,
      isExtra: true,
      entries: names.map((who) => {
        const chunk = Math.max(50, Math.round(1e6 / bytes));
        return drainEntry(who, plain(jobs, {}, { bytes, chunk }));
      }),
    },
  ]);
}

function retries(pick: Pick): Workload {
  const jobs = pick(10_000, 50_000);
  const plan = plain(jobs, { runs: jobs * 1.1, isTimedToFirstRuns: true }, {
    failing: 10,
  });
  return {
    name: "retries",
    title: "Drain, one job in ten fails once (time to the first run of all, cost of everything)",
    isExtra: true,
    entries: ["perdura", "graphile-fastest", "bullmq"].map((who) => drainEntry(who, plan)),
  };
}

function together(pick: Pick): Workload {
  const plan = { jobs: pick(3_000, 20_000), delayMs: pick(2_500, 8_000) };
  return {
    name: "delayed",
    title: "Delayed jobs that come due together: how late the last one starts",
    isExtra: true,
    entries: ["perdura", "graphile-fastest", "pgboss", "bullmq"].map((who) => ({
      name: who,
      who,
      measure: (lab) => dueTogether(lab, contestant(who), plan),
    })),
  };
}

function fairShare(pick: Pick): Workload {
  const loud = pick(20_000, 100_000);
  const fills = [
    { jobs: loud, tenant: "loud" },
    { jobs: 999, tenants: 999, isStamped: true },
  ];
  const plan = {
    jobs: loud + 999,
    contents: { fills },
    isTimedByLateness: true,
  };
  return {
    name: "fair-share",
    title: `Fair share: 999 tenants with one job each, behind one tenant with ${loud}: their wait`,
    isExtra: true,
    entries: ["perdura", "graphile-fastest", "bullmq"].map((who) => drainEntry(who, plan)),
  };
}

/** The handler is called behind the last step. */
function workflowLatency(pick: Pick): Workload {
  const plan = { jobs: pick(20, 100), gapMs: pick(150, 300) };
  const names = [
    "perdura-workflow",
    "perdura-actors-steps",
    "perdura-actors",
    "dbos",
    "absurd",
    "openworkflow",
  ];
  return {
    name: "workflow-latency",
    title: "Workflows of five steps, one at a time: from adding to the end of the fifth step",
    isExtra: true,
    entries: names.map((who) => ({
      name: who,
      who,
      measure: (lab: Lab) => latency(lab, contestant(who), plan),
    })),
  };
}

/** Workflows at once, where there are more than each system has as its variant. */
const MANY = 400;

function workflows(pick: Pick): Workload {
  const few = { chunk: 10, inFlight: 16 };
  const entries = (who: string, quick: number, full: number) => {
    const jobs = pick(quick, full);
    const many = plain(jobs, { concurrency: MANY }, few);
    const isMany = who.startsWith("perdura") || pick(0, 1) === 1;
    return [
      drainEntry(who, plain(jobs, {}, few)),
      ...(isMany ? [drainEntry(who, many, `${who}-${MANY}`)] : []),
    ];
  };
  return {
    name: "workflows",
    title: `Workflows of five steps, each step's result stored, 100 and ${MANY} at once`,
    isExtra: true,
    entries: [
      ...entries("perdura-workflow", 4_000, 20_000),
      ...entries("perdura-actors-steps", 4_000, 20_000),
      ...entries("perdura-actors", 1_500, 6_000),
      ...entries("dbos", 150, 1_000),
      ...entries("absurd", 200, 1_000),
      ...entries("openworkflow", 200, 1_000),
    ],
  };
}
