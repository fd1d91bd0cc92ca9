/**
 * Perdura's durable actors: the peers' workflow of five steps as a chart, each step an activity.
 *
 * `steps`: a chart of one activity, whose function takes the five steps, as the peers' functions do.
 */
import { activityContext, createRuntime, defineMachine, migrate } from "perdura";
import postgres from "postgres";
import { fromPromise, setup } from "xstate";
import { runAgent } from "../agent/agent.ts";
import type { AgentConfig, Payload, Run, System, Work } from "../agent/system.ts";

const STEPS = 5;

interface Step {
  readonly n: number;
  readonly payload: Payload;
}

async function open({ url, variant }: AgentConfig): Promise<System> {
  let run: Run = () => {};
  const step = fromPromise<number, Step>(async ({ input: { n, payload } }) => {
    if (n === STEPS) await run(payload, 1);
    return n;
  });
  const fiveSteps = fromPromise<null, Payload>(async ({ input, self }) => {
    const { step } = activityContext(self);
    for (let n = 1; n <= STEPS; n++) await step(`step ${n}`, () => Promise.resolve(n));
    await run(input, 1);
    return null;
  });
  const ofSteps = setup({
    types: {} as { context: Payload; input: Payload },
    actors: { fiveSteps },
  }).createMachine({
    id: "order",
    context: ({ input }) => input,
    initial: "working",
    states: {
      working: { invoke: { src: "fiveSteps", input: ({ context }) => context, onDone: "over" } },
      over: { type: "final" },
    },
  });
  const states = Array.from({ length: STEPS }, (_, index) => index + 1).map((n) => [
    `step${n}`,
    {
      invoke: {
        src: "step" as const,
        input: ({ context }: { context: Payload }) => ({ n, payload: context }),
        onDone: n === STEPS ? "over" : `step${n + 1}`,
      },
    },
  ]);
  const ofActivities = setup({
    types: {} as { context: Payload; input: Payload },
    actors: { step },
  }).createMachine({
    id: "order",
    context: ({ input }) => input,
    initial: "step1",
    states: { ...Object.fromEntries(states), over: { type: "final" } },
  });
  const machine = variant === "steps"
    ? defineMachine(ofSteps, { version: "1" })
    : defineMachine(ofActivities, { version: "1" });
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const runtime = () =>
    createRuntime({
      databaseUrl: url,
      machines: [machine],
      migrate: false,
      name: "perdura bench",
    });
  let opened: ReturnType<typeof runtime> | undefined;
  const actors = async () => (await (opened ??= runtime())).actors;
  const add = async ({ payload }: Work) =>
    (await actors()).start({ machine: "order", input: payload });
  return await Promise.resolve({
    setUp: () => migrate({ url }).then(() => {}),
    add,
    addMany: (works) => Promise.all(works.map(add)),
    async work({ concurrency }, given) {
      run = given;
      (await (opened ??= runtime())).work(concurrency === null ? {} : { concurrency });
    },
    async isBusy() {
      const [row] = await sql`
        select exists (select from perdura.actor where status = 'active') as busy`;
      return row?.busy === true;
    },
  });
}

await runAgent(open);
