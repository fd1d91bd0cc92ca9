// deno-lint-ignore-file no-console -- the counts are for people to see
/**
 * Every path that xstate/graph finds in our machines, walked by `step`: after each event it stands
 * where XState's own transition stands.
 */
import { assert, assertEquals } from "@std/assert";
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { getShortestPaths, getSimplePaths } from "xstate/graph";
import { jobMachine } from "../../../machines/job.ts";
import { workerMachine } from "../../../machines/worker.ts";
import { type ActorSnapshot, decode, step } from "../../../src/core/actor/mod.ts";
import { orderChart, regionsChart } from "./machines.ts";

type GraphEvent = { readonly type: string; readonly [key: string]: unknown };

interface Subject {
  readonly machine: AnyStateMachine;
  readonly input?: unknown;
  /** All events: the shortest path to every place. */
  readonly events: readonly GraphEvent[];
  /** Fewer events: every path without a loop. There are too many of them with all. */
  readonly simple: readonly (readonly GraphEvent[])[];
}

const plain = (...types: string[]): GraphEvent[] => types.map((type) => ({ type }));
const paid = { type: "xstate.done.actor.charge", output: 1, actorId: "charge" };
const unpaid = { type: "xstate.error.actor.charge", error: "no", actorId: "charge" };
const [printed, late] = plain(
  "xstate.after.100.order.shipping.paper.blank",
  "xstate.after.1000.order.paying",
) as [GraphEvent, GraphEvent];
const workerEvents = plain("DATABASE_OK", "DATABASE_FAILED", "STOP", "STOPPED");
const when = { delayMs: 1 };

const subjects: Subject[] = [
  {
    machine: orderChart,
    events: [
      ...plain("ADD", "PAUSE", "PAY", "RESUME", "NUDGE", "PACK"),
      paid,
      unpaid,
      printed,
      late,
    ],
    simple: [
      [...plain("ADD", "PAUSE", "PAY", "RESUME", "NUDGE", "PACK"), paid, printed],
      [...plain("ADD", "PAY", "PACK"), paid, unpaid, printed],
    ],
  },
  { machine: regionsChart, events: plain("L", "R", "OFF", "ON", "LEFT", "BOTH"), simple: [] },
  { machine: workerMachine, events: workerEvents, simple: [workerEvents] },
  {
    machine: jobMachine,
    input: { maxAttempts: 2, maxCrashes: 2 },
    events: [
      ...plain(
        "CLAIM",
        "SUCCEED",
        "LEASE_EXPIRED",
        "INTERRUPTED",
        "CANCEL",
        "REQUEUE",
        "RETRY_NOW",
      ),
      ...[{ type: "SCHEDULE", when }, { type: "SNOOZE", when }],
      { type: "FAIL", retryable: true, when },
    ],
    simple: [],
  },
];

Deno.test("every path through our machines goes durably where it goes in XState", () => {
  const counts = subjects.map((subject) => walk(subject));
  const paths = counts.reduce((sum, count) => sum + count.paths, 0);
  const steps = counts.reduce((sum, count) => sum + count.steps, 0);
  console.log(
    `Graph: ${paths} paths of ${subjects.length} machines, ${steps} steps through JSON, all agree`,
  );
  assert(paths > 1000);
});

function walk({ machine, input, events, simple }: Subject): { paths: number; steps: number } {
  const options = (events: readonly GraphEvent[]) => ({
    // Only what runs can fail: XState would end, and we do not hear of it.
    events:
      ((snapshot: AnyMachineSnapshot) =>
        events.filter((event) => event !== unpaid || "charge" in snapshot.children)) as never,
    input: input as never,
    // States that differ only in what they recall are different places.
    serializeState: (snapshot: AnyMachineSnapshot) => JSON.stringify(placeOf(snapshot)),
    limit: 20_000,
  });
  const paths = [
    ...getShortestPaths(machine, options(events)),
    ...simple.flatMap((some) => getSimplePaths(machine, options(some))),
  ];
  let steps = 0;
  for (const path of paths) {
    let json = JSON.stringify(step(machine, { address: "g", input }).snapshot);
    for (const { event, state } of path.steps) {
      if (event.type !== "xstate.init") {
        const snapshot: ActorSnapshot = JSON.parse(json);
        const from = originOf(snapshot, event.type);
        json = JSON.stringify(step(machine, { address: "g", snapshot, event, from }).snapshot);
        steps++;
      }
      assertEquals(storedPlace(JSON.parse(json)), placeOf(state as AnyMachineSnapshot));
    }
  }
  return { paths: paths.length, steps };
}

/** A graph sends XState's own events as it likes; a timer or a child that is not there has none. */
function originOf({ timers = {}, children = {} }: ActorSnapshot, type: string) {
  const timer = timers[type];
  if (timer) return { timerId: type, gen: timer.gen };
  const childId = /^xstate\.(?:done|error)\.actor\.(.*)$/.exec(type)?.[1];
  if (childId !== undefined) return { childId, gen: children[childId]?.gen ?? 0 };
  return type.startsWith("xstate.") ? { timerId: type, gen: 0 } : undefined;
}

function placeOf({ status, value, context, historyValue }: AnyMachineSnapshot): unknown {
  const history = Object.entries(historyValue as Record<string, { id: string }[]>)
    .map(([id, nodes]) => [id, nodes.map((node) => node.id)]);
  return [status, value, context, Object.fromEntries(history)];
}

function storedPlace({ status, value, context, history = {} }: ActorSnapshot): unknown {
  return [status, value, decode(context), history];
}
