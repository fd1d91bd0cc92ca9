/**
 * One actor that grows old, and beside it fresh ones: `slope.ts DATABASE_URL STEPS`. Prints a line of JSON
 * per window: how many events the old one has taken, and what one more took it and a fresh one, in ms.
 */
import { createRuntime, defineMachine, migrate } from "perdura";
import { assign, setup } from "xstate";
import { print } from "../report/say.ts";

const WINDOWS = 10;
const SAMPLE = 200;
/** The first events of a process are no measure. */
const WARM_UP = 500;
const NEXT = { type: "NEXT" } as const;

const count = assign<{ n: number }, typeof NEXT, undefined, typeof NEXT, never>({
  n: ({ context }) => context.n + 1,
});
const counter = setup({ types: {} as { context: { n: number }; events: typeof NEXT } })
  .createMachine({
    id: "counter",
    context: { n: 0 },
    initial: "a",
    states: {
      a: { on: { NEXT: { target: "b", actions: count } } },
      b: { on: { NEXT: { target: "a", actions: count } } },
    },
  });

const [url = "", steps = "10000"] = Deno.args;
await migrate({ url });
await using runtime = await createRuntime({
  databaseUrl: url,
  machines: [defineMachine(counter, { version: "1" })],
  migrate: false,
});
const { actors } = runtime;
await actors.start({ machine: "counter", id: "old" });
await send("old", WARM_UP);
for (let window = 1; window <= WINDOWS; window++) {
  const upTo = Math.round(Number(steps) / WINDOWS * window);
  const { version } = await actors.get(null, "old");
  await send("old", Math.max(0, upTo - SAMPLE - version));
  const fresh = `fresh${window}`;
  await actors.start({ machine: "counter", id: fresh });
  let [oldMs, freshMs] = [0, 0];
  // One and one: whatever disturbs the machine disturbs both.
  for (let n = 0; n < SAMPLE; n++) {
    oldMs += await send("old", 1);
    freshMs += await send(fresh, 1);
  }
  print(JSON.stringify({ upTo, oldMs: oldMs / SAMPLE, freshMs: freshMs / SAMPLE }));
}

/** Milliseconds that so many take, one after the other. */
async function send(id: string, many: number): Promise<number> {
  const begun = performance.now();
  for (let n = 0; n < many; n++) await actors.send(id, NEXT);
  return performance.now() - begun;
}
