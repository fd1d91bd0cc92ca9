/** A parent that has squares made of its items by `forEach`, and then one more of how many there were. */
import { assign, sendTo, setup } from "xstate";
import { z } from "zod";
import {
  createRuntime,
  defineHandler,
  defineMachine,
  forEach,
  type ForEachOutput,
  type ForEachPolicy,
  pageOf,
} from "perdura";
import type { TestDatabase } from "../../support/database.ts";

/** What the parent is started with. */
export interface Work {
  readonly items: readonly string[];
  readonly policy?: ForEachPolicy;
}

/** Resolved by a test that lets the jobs of items `wait…` end; a test that has such items makes it anew. */
export const gate = { now: Promise.withResolvers<void>() };

/** Squares a text; `bad…` fails, `wait…` waits for the gate. */
export const square = defineHandler({
  type: "each.square",
  input: z.strictObject({ n: z.string().min(1).max(20) }),
  retry: { maxAttempts: 1 },
  handle: async ({ n }, { signal }) => {
    if (n.startsWith("bad")) throw new Error(`No square of ${n}`);
    if (n.startsWith("wait")) {
      await Promise.race([
        gate.now.promise,
        new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason))),
      ]);
    }
    return Number(n) ** 2;
  },
});

const squares = forEach({
  policy: (of: Work) => of.policy ?? {},
  next: ({ of, ...request }) => pageOf(of.items, request),
  job: (item: string) => {
    if (item === "strange") throw new RangeError("What is that?");
    return { type: "each.square", payload: { n: item }, label: `item ${item}` };
  },
});

type Heard = { readonly type: "CHILD_FAILED"; readonly failed: number };

const parent = setup({
  types: {} as {
    context: { work: Work; first: ForEachOutput | null; last: ForEachOutput | null; heard: number };
    events: Heard | { type: "STOP" } | { type: "MORE"; items: string[] } | { type: "NO_MORE" };
    input: Work;
    output: { first: ForEachOutput | null; last: ForEachOutput | null; heard: number };
  },
  actors: { squares },
}).createMachine({
  id: "sums",
  context: ({ input }) => ({ work: input, first: null, last: null, heard: 0 }),
  initial: "first",
  output: ({ context: { first, last, heard } }) => ({ first, last, heard }),
  states: {
    first: {
      invoke: {
        src: "squares",
        id: "squares",
        input: ({ context }) => context.work,
        onDone: { target: "next", actions: assign({ first: ({ event }) => event.output }) },
      },
      on: {
        STOP: "over",
        MORE: { actions: sendTo("squares", ({ event }) => ({ type: "ADD", items: event.items })) },
        NO_MORE: { actions: sendTo("squares", { type: "CLOSE" }) },
        CHILD_FAILED: {
          actions: assign({ heard: ({ context, event }) => context.heard + event.failed }),
        },
      },
    },
    // What came out goes in again.
    next: {
      invoke: {
        src: "squares",
        id: "again",
        input: ({ context: { first } }) => ({ items: [String(first?.succeeded)] }),
        onDone: { target: "over", actions: assign({ last: ({ event }) => event.output }) },
      },
    },
    over: { type: "final" },
  },
});

/** Its definition. */
export const sums = defineMachine(parent, { version: "1" });

/** A runtime that has it. */
export function runtimeOn(db: TestDatabase) {
  return createRuntime({
    databaseUrl: db.url,
    handlers: [square],
    machines: [sums],
    pollMs: 50,
    sweepMs: 500,
  });
}

/** Items that end by themselves. */
export const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n));
/** What has not happened. */
export const nothing = { failed: 0, cancelled: 0, refused: 0, left: 0 };

/** Jobs that are under way, twice each: as members, and as jobs. */
export async function membersLeft(db: TestDatabase): Promise<number> {
  const [row] = await db.sql`
    select (select count(*) from perdura.activity where is_member)
         + (select count(*) from perdura.job where type = 'each.square') as n`;
  return Number(row?.n);
}
