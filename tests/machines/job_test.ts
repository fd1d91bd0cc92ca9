/** The job machine: every answer it can give, and that nobody is left without a way out. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createActor, initialTransition, transition as xstateTransition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import {
  JOB_EVENTS,
  JOB_STATES,
  type JobContext,
  type JobEvent,
  type JobEventType,
  jobMachine,
} from "../../machines/job.ts";
import {
  acceptedEvents,
  describeTable,
  INITIAL_STATE,
  isTerminal,
  statesAccepting,
  targetOf,
  transition,
} from "../../src/core/lifecycle.ts";

const input = { maxAttempts: 3, maxCrashes: 3 };
const when = { delayMs: 1000 };

function eventsOf(type: JobEventType): JobEvent[] {
  if (type === "FAIL") return [true, false].map((retryable) => ({ type, retryable, when }));
  if (type === "SCHEDULE" || type === "SNOOZE") return [{ type, when }];
  return [{ type }];
}

Deno.test("the table of (state, event, guards) is the one reviewed", async (t) => {
  await t.assertSnapshot(describeTable());
});

Deno.test("the table answers as XState does, on every state, event and guard outcome", () => {
  const context = fc.record({
    attempt: fc.integer({ min: 0, max: 4 }),
    maxAttempts: fc.integer({ min: 1, max: 4 }),
    crashes: fc.integer({ min: 0, max: 4 }),
    maxCrashes: fc.integer({ min: 1, max: 4 }),
    cancelRequested: fc.boolean(),
  });
  const event = fc.constantFrom(...JOB_EVENTS.flatMap(eventsOf));
  fc.assert(
    fc.property(fc.constantFrom(...JOB_STATES), event, context, (state, event, context) => {
      const before = jobMachine.resolveState({ value: state, context });
      const decided = transition({ state, context }, event);
      assertEquals(decided.accepted, before.can(event));
      if (!decided.accepted) return;
      const [after, actions] = xstateTransition(jobMachine, before, event);
      assertEquals(decided.to, after.value);
      assertEquals(decided.context, after.context);
      const due = actions.map((action) => action.type).filter((type) => type.startsWith("due"));
      const expected = due[0] === "dueNow" ? { delayMs: 0 } : due[0] === "dueLater" ? when : null;
      assertEquals(decided.due, expected);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("every path of the graph can go on to a state tagged terminal", () => {
  const paths = getShortestPaths(jobMachine, {
    input,
    events: JOB_EVENTS.flatMap(eventsOf),
    limit: 5000,
    serializeState: (snapshot) => JSON.stringify([snapshot.value, bounded(snapshot.context)]),
    stopWhen: (snapshot) => snapshot.context.crashes > 3 || snapshot.context.attempt > 3,
  });
  const reached = new Set(paths.map((path) => path.state.value));
  assertEquals([...reached].sort(), [...JOB_STATES].sort());
  for (const state of JOB_STATES) {
    if (!isTerminal(state)) assert(canEnd(state), `${state} has no way to an end`);
  }
});

function bounded(context: JobContext): JobContext {
  return {
    ...context,
    attempt: Math.min(context.attempt, 4),
    crashes: Math.min(context.crashes, 4),
  };
}

/** Follows every answer of the table until a terminal state. */
function canEnd(from: (typeof JOB_STATES)[number]): boolean {
  const seen = new Set([from]);
  for (const state of seen) {
    if (isTerminal(state)) return true;
    const context = { ...input, attempt: 1, crashes: 0, cancelRequested: false };
    for (const event of JOB_EVENTS.flatMap(eventsOf)) {
      const decided = transition({ state, context }, event);
      if (decided.accepted) seen.add(decided.to);
    }
  }
  return false;
}

Deno.test("a job begins pending, and only CLAIM leads to running", () => {
  assertEquals(INITIAL_STATE, initialTransition(jobMachine, input)[0].value);
  assertEquals(INITIAL_STATE, "pending");
  assertEquals(targetOf("CLAIM"), "running");
  assertEquals(statesAccepting("CLAIM"), ["pending", "scheduled", "retry"]);
  assertEquals(acceptedEvents("succeeded"), []);
});

Deno.test("a restored dead letter is active, and REQUEUE begins a new epoch", () => {
  const context = { ...input, attempt: 3, crashes: 2, cancelRequested: true };
  for (const state of ["dead_letter", "cancelled"] as const) {
    const snapshot = jobMachine.resolveState({ value: state, context });
    assertEquals(snapshot.status, "active");
    assert(snapshot.hasTag("terminal"));
    const actor = createActor(jobMachine, {
      snapshot: jobMachine.getPersistedSnapshot(snapshot),
      input,
    }).start();
    actor.send({ type: "REQUEUE" });
    assertEquals(actor.getSnapshot().value, "pending");
    assertEquals(actor.getSnapshot().context, {
      ...input,
      attempt: 0,
      crashes: 0,
      cancelRequested: false,
    });
  }
});

Deno.test("a succeeded job is done for good", () => {
  const context = { ...input, attempt: 1, crashes: 0, cancelRequested: false };
  const [done] = xstateTransition(
    jobMachine,
    jobMachine.resolveState({ value: "running", context }),
    { type: "SUCCEED" },
  );
  assertEquals(done.status, "done");
});

Deno.test("an expired lease spends a crash and refunds the attempt", () => {
  const context = { ...input, attempt: 2, crashes: 0, cancelRequested: false };
  const decided = transition({ state: "running", context }, { type: "LEASE_EXPIRED" });
  assert(decided.accepted);
  assertEquals([decided.to, decided.context.attempt, decided.context.crashes], ["retry", 1, 1]);
  const poison = transition(
    { state: "running", context: { ...context, crashes: 2 } },
    { type: "LEASE_EXPIRED" },
  );
  assert(poison.accepted);
  assertEquals([poison.to, poison.context.crashes], ["dead_letter", 3]);
});
