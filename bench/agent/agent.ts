/**
 * The process around one system: takes commands as lines of JSON, answers the same way.
 *
 * Every line it says begins with `@bench `, because systems print what they like.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { addOneByOne, fill, type FillPlan, pause, probe, steadyLoad } from "./jobs.ts";
import { type FunctionCost, sampleFunctions } from "./profiler.ts";
import { type AgentConfig, now, type Run, type System, type WorkerPlan } from "./system.ts";

/** Commands, what they take and what they answer. */
export interface Commands {
  setUp: [null, null];
  fill: [FillPlan, number];
  addOneByOne: [{ ms: number; inFlight: number }, { jobs: number; ms: number }];
  probe: [{ jobs: number; gapMs: number }, null];
  load: [{ perSecond: number; sleepMs: number }, null];
  work: [WorkerPlan, null];
  isBusy: [null, boolean];
  lateness: [null, number[]];
  sample: [null, null];
  functions: [null, FunctionCost[]];
}

/** What an agent says unasked: it is up, or so many handler runs have ended. */
export type News = { readonly ready: true } | { readonly ended: number };

const NEWS_MS = 10;

/** Runs a system until standard input ends. */
export async function runAgent(
  open: (config: AgentConfig) => Promise<System>,
): Promise<void> {
  const system = await open(JSON.parse(process.argv[2] ?? "{}"));
  const tally = new Tally();
  const stops: (() => void)[] = [];
  let functions: () => Promise<FunctionCost[]> = () => Promise.resolve([]);
  const commands: {
    [C in keyof Commands]: (args: Commands[C][0]) => Promise<Commands[C][1]>;
  } = {
    setUp: () => system.setUp().then(() => null),
    fill: (plan) => fill(system, plan),
    addOneByOne: (plan) => addOneByOne(system, plan),
    probe: (plan) => probe(system, plan).then(() => null),
    load: (
      plan,
    ) => (stops.push(steadyLoad(system, plan)), Promise.resolve(null)),
    work: (plan) => system.work(plan, tally.run).then(() => null),
    isBusy: () => system.isBusy(),
    lateness: () => Promise.resolve(tally.lateness),
    sample: async () => {
      functions = await sampleFunctions();
      return null;
    },
    functions: () => functions(),
  };
  setInterval(() => tally.tell(), NEWS_MS);
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, command, args } = JSON.parse(line);
    commands[command as keyof Commands](args as never).then(
      (result) => say({ id, result }),
      (error) =>
        say({
          id,
          error: error instanceof Error ? error.message : String(error),
        }),
    );
  }
  process.exit(0);
}

/** Counts handler runs, and how late they were. */
class Tally {
  readonly lateness: number[] = [];
  #ended = 0;
  #told = 0;

  /** The handler: nothing, unless the payload says so. */
  readonly run: Run = (payload, attempt) => {
    if (payload.startAt !== undefined) {
      this.lateness.push(now() - payload.startAt);
    }
    if (payload.sleepMs !== undefined) {
      return pause(payload.sleepMs).then(() => this.#end());
    }
    this.#end();
    if (attempt <= (payload.failures ?? 0)) throw new Error("Planned");
  };

  tell(): void {
    if (this.#ended === this.#told) return;
    this.#told = this.#ended;
    say({ ended: this.#told });
  }

  #end(): void {
    this.#ended++;
  }
}

function say(message: object): void {
  process.stdout.write(`@bench ${JSON.stringify(message)}\n`);
}

/** Passes an error on: the harness shows the last ones when the process ends. */
export function complain(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
}
