/** Perdura's durable actors: the peers' workflow of five steps as a chart, each step an activity. */
import { createRuntime, defineMachine, migrate } from "perdura";
import postgres from "postgres";
import { fromPromise, setup } from "xstate";
import { runAgent } from "../agent/agent.ts";
import type { AgentConfig, Payload, Run, System, Work } from "../agent/system.ts";

const STEPS = 5;

interface Step {
  readonly n: number;
  readonly payload: Payload;
}

async function open({ url }: AgentConfig): Promise<System> {
  let run: Run = () => {};
  const step = fromPromise<number, Step>(async ({ input: { n, payload } }) => {
    if (n === STEPS) await run(payload, 1);
    return n;
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
  const chart = setup({
    types: {} as { context: Payload; input: Payload },
    actors: { step },
  }).createMachine({
    id: "order",
    context: ({ input }) => input,
    initial: "step1",
    states: { ...Object.fromEntries(states), over: { type: "final" } },
  });
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const runtime = () =>
    createRuntime({
      databaseUrl: url,
      machines: [defineMachine(chart, { version: "1" })],
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
    async work(_, given) {
      run = given;
      (await (opened ??= runtime())).work();
    },
    async isBusy() {
      const [row] = await sql`
        select exists (select from perdura.actor where status = 'active') as busy`;
      return row?.busy === true;
    },
  });
}

await runAgent(open);
