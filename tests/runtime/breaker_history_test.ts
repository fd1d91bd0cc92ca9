/** The history of a breaker: each step is one that its machine takes, however many outcomes came together. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { transition } from "xstate";
import { type BreakerEvent, breakerMachine, type BreakerSettings } from "../../machines/breaker.ts";
import { type BreakerStep, newBreaker } from "../../src/core/breaker.ts";
import type { GateName } from "../../src/core/gate.ts";
import { BreakerDesk, Breakers } from "../../src/runtime/breakers.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

/** Late: of an attempt that began before the breaker was half-open. */
type Told = "success" | "failure" | "late success" | "late failure";

const HOUR_MS = 3_600_000;

/** Tells batches to a new breaker, resets it by hand after each, and reads what is stored. */
async function stored(
  db: TestDatabase,
  settings: BreakerSettings,
  batches: readonly Told[][],
): Promise<string[]> {
  const desk = new BreakerDesk(db.store);
  const errors: unknown[] = [];
  const onFailure = (error: unknown) => errors.push(error);
  // It stands still: an attempt that starts now is never older than the breaker.
  const clock = { now: () => 0, monotonic: () => 0 };
  const breakers = new Breakers({ store: db.store, clock, onFailure });
  const gate = newGate();
  for (const batch of batches) {
    for (const told of batch) {
      const startedAt = told.startsWith("late") ? -HOUR_MS : 0;
      const isFailure = told.endsWith("failure");
      breakers.note(gate, { ...settings, per: "type" }, { isFailure, startedAt });
    }
    // Told after the others, by the same process: once it is there, they are stored.
    const last = newGate();
    breakers.note(last, { ...settings, per: "type" }, { isFailure: true, startedAt: 0 });
    await eventually("the batch is told", () => desk.get(last).catch(() => null));
    await desk.move(gate, "RESET", "tested");
  }
  assertEquals(errors, []);
  const steps = await desk.steps(gate, 0, 1_000);
  assertEquals(steps.map(({ version }) => version), ascending(steps));
  const { state, version } = await desk.get(gate);
  assertEquals([state, version], [steps.at(-1)?.to, steps.at(-1)?.version]);
  return steps.map(({ from, event, to }) => line(from, event, to));
}

function newGate(): GateName {
  return { tenantId: null, kind: "type", name: `t${crypto.randomUUID()}` };
}

function ascending(steps: readonly BreakerStep[]): number[] {
  return [...new Set(steps.map(({ version }) => version))].sort((a, b) => a - b);
}

function line(from: string | null, event: string, to: string): string {
  return `${from} -${event}-> ${to}`;
}

/** The same, played on the machine one event after the other. */
function played(settings: BreakerSettings, batches: readonly Told[][]): string[] {
  const { state, context } = newBreaker(settings);
  let snapshot = breakerMachine.resolveState({ value: state, context });
  const steps = [line(null, "MADE", state)];
  const send = (event: BreakerEvent) => {
    const { value } = snapshot;
    [snapshot] = transition(breakerMachine, snapshot, event);
    if (snapshot.value === value && event.type !== "RESET") return;
    steps.push(line(value, event.type, snapshot.value));
  };
  for (const batch of batches) {
    for (const told of batch) {
      const startedAt = told.startsWith("late") ? -HOUR_MS : 0;
      if (told.endsWith("failure")) send({ type: "FAILURE", at: 0, startedAt });
      else send({ type: "SUCCESS", startedAt });
    }
    send({ type: "RESET", at: 0 });
  }
  return steps;
}

Deno.test("outcomes that come together are a step for each change of state", async () => {
  await using db = await testDatabase();
  const settings = { failures: 1, windowMs: HOUR_MS, openMs: HOUR_MS, probes: 1 };
  const opening = ["null -MADE-> closed", "closed -FAILURE-> open", "open -RESET-> half_open"];
  assertEquals(await stored(db, settings, [["failure"], ["failure", "success"]]), [
    ...opening,
    "half_open -FAILURE-> open",
    "open -RESET-> half_open",
  ]);
  const both: Told[] = ["success", "success", "failure", "failure", "failure"];
  assertEquals(await stored(db, { ...settings, probes: 2 }, [["failure"], both]), [
    ...opening,
    "half_open -SUCCESS-> closed",
    "closed -FAILURE-> open",
    "open -RESET-> half_open",
  ]);
});

Deno.test("any outcomes, told in any batches, are stored as the machine plays them", async () => {
  await using db = await testDatabase();
  const few = fc.integer({ min: 1, max: 3 });
  const settings = fc.record({
    failures: few,
    windowMs: fc.constant(HOUR_MS),
    openMs: fc.constant(HOUR_MS),
    probes: few,
  });
  const told = fc.constantFrom<Told>("success", "failure", "late success", "late failure");
  const batches = fc.array(fc.array(told, { minLength: 1, maxLength: 9 }), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(settings, batches, async (settings, batches) => {
      assertEquals(await stored(db, settings, batches), played(settings, batches));
    }),
    { numRuns: 12, interruptAfterTimeLimit: 60_000 },
  );
});

Deno.test("an outcome that comes while the one before it has just been stored is stored as well", async () => {
  await using db = await testDatabase();
  const errors: unknown[] = [];
  let saved = Promise.withResolvers<void>();
  const { breakers: store, hint, onHint } = db.store;
  const breakers = new Breakers({
    store: {
      hint: hint.bind(db.store),
      onHint: onHint.bind(db.store),
      breakers: {
        read: (gates) => store.read(gates),
        list: (tenantId) => store.list(tenantId),
        steps: (...page) => store.steps(...page),
        save: async (change) => {
          const isStored = await store.save(change);
          if (change.before) saved.resolve();
          return isStored;
        },
      },
    },
    clock: { now: () => 0, monotonic: () => 0 },
    onFailure: (error) => errors.push(error),
  });
  const settings = { failures: 1_000, windowMs: HOUR_MS, openMs: HOUR_MS, probes: 1 };
  // So many turns of the microtasks lie around the end of a telling, and some more.
  for (let turns = 0; turns < 12; turns++) {
    const gate = newGate();
    const note = () =>
      breakers.note(gate, { ...settings, per: "type" }, { isFailure: true, startedAt: 0 });
    saved = Promise.withResolvers();
    note();
    await saved.promise;
    for (let n = 0; n < turns; n++) await Promise.resolve();
    note();
    await eventually(`both are stored, after ${turns}`, async () => {
      const [breaker] = await store.read([gate]);
      return breaker?.version === 3;
    });
  }
  assertEquals(errors, []);
});
