/** Who takes part: a system with the settings it is measured in. */

/** One column of the tables. */
export interface Contestant {
  readonly name: string;
  /** The program: in `bench/ours/` or `bench/peers/`. */
  readonly system: string;
  readonly variant: string;
  readonly store: "postgres" | "redis" | "redis-always";
  /** Its settings, in words, for the report. */
  readonly settings: string;
}

const list: readonly Contestant[] = [
  {
    name: "perdura",
    system: "perdura",
    variant: "default",
    store: "postgres",
    settings: "the defaults of `worker` (100 handlers at once, batches up to 1,000, history on)",
  },
  {
    name: "ceiling",
    system: "perdura",
    variant: "ceiling",
    store: "postgres",
    settings:
      "our insert, claim and commit statements alone, without checks, handlers and runtime; " +
      "what is added together travels in one statement",
  },
  {
    name: "perdura-workflow",
    system: "perdura",
    variant: "workflow",
    store: "postgres",
    settings: "a handler of five `step`s",
  },
  {
    name: "perdura-actors",
    system: "actors",
    variant: "workflow",
    store: "postgres",
    settings: "a statechart whose five states invoke an activity each: six turns, five jobs",
  },
  {
    name: "perdura-actors-steps",
    system: "actors",
    variant: "steps",
    store: "postgres",
    settings: "a statechart that invokes one activity, whose function takes five `step`s",
  },
  {
    name: "graphile-fastest",
    system: "graphile",
    variant: "fastest",
    store: "postgres",
    settings: "localQueue 2000, concurrentJobs 100, complete and fail batched (delay 0), pool 25",
  },
  {
    name: "graphile-24",
    system: "graphile",
    variant: "24",
    store: "postgres",
    settings: "concurrentJobs 24, pool 25",
  },
  {
    name: "graphile-default",
    system: "graphile",
    variant: "default",
    store: "postgres",
    settings: "as installed (one job at a time)",
  },
  {
    name: "pgboss",
    system: "pgboss",
    variant: "fastest",
    store: "postgres",
    settings: "batchSize 1000, localConcurrency 2, burstWhenBatchFull, poll 0.5 s",
  },
  {
    name: "pgboss-notify",
    system: "pgboss",
    variant: "notify",
    store: "postgres",
    settings: "the same, with useListenNotify and queues that notify",
  },
  {
    name: "bullmq",
    system: "bullmq",
    variant: "default",
    store: "redis",
    settings: "concurrency 100; Redis as Debian has it: snapshots, a crash loses the last minutes",
  },
  {
    name: "bullmq-durable",
    system: "bullmq",
    variant: "default",
    store: "redis-always",
    settings: "concurrency 100; Redis with appendfsync always",
  },
  {
    name: "dbos",
    system: "dbos",
    variant: "workflow",
    store: "postgres",
    settings: "workerConcurrency 200, minPollingIntervalMs 50, pool 40",
  },
  {
    name: "absurd",
    system: "absurd",
    variant: "workflow",
    store: "postgres",
    settings: "concurrency 100, batchSize 100, pollInterval 50 ms",
  },
  {
    name: "openworkflow",
    system: "openworkflow",
    variant: "workflow",
    store: "postgres",
    settings: "concurrency 100",
  },
];

/** Everybody, by name. */
export const contestants: ReadonlyMap<string, Contestant> = new Map(
  list.map((contestant) => [contestant.name, contestant]),
);

/** One of them. */
export function contestant(name: string): Contestant {
  const found = contestants.get(name);
  if (!found) throw new Error(`No contestant "${name}"`);
  return found;
}
