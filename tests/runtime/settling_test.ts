/** What a worker does about gates that have a time of their own. */
import { assert } from "@std/assert";
import { systemClock, systemRandom } from "../../src/core/clock.ts";
import { type Gate, type GateName, NO_LIMITS } from "../../src/core/gate.ts";
import { Gates } from "../../src/runtime/gates.ts";
import { Glance } from "../../src/runtime/glance.ts";
import { within } from "../../src/runtime/within.ts";
import type { Closed, GateStore } from "../../src/store/store.ts";

const name: GateName = { tenantId: "default", kind: "queue", name: "mails" };
const closed: Closed = { ...name, why: "settling", ms: 3_600_000 };

function gateWith(own: Partial<Gate>): Gate {
  return {
    ...{ ...NO_LIMITS, ...name, concurrency: 1, isPaused: false, isDraining: false },
    ...{ settlesInMs: null, breaker: null, breakerOpensInMs: null },
    ...own,
  };
}

/** Gates of a worker, of which a claim was told that one is closed for an hour. */
async function untilDone(gate: Gate, done: (told: () => void) => object): Promise<void> {
  const told = Promise.withResolvers<void>();
  const store = {
    read: () => Promise.resolve({ change: "7", gates: [gate] }),
    declare: () => Promise.resolve(false),
    settle: () => Promise.resolve(0),
    onCooled: () => Promise.resolve(),
    ...done(told.resolve),
  };
  const sight = {
    ...{ jobs: false, suspects: false, vacancies: false, inbox: false, mail: false },
    ...{ schedules: false, gateChange: "7" },
  };
  const gates = new Gates({
    // The rest of it is for others.
    store: Object.assign({} as GateStore, store),
    clock: systemClock,
    random: systemRandom,
    glance: new Glance({
      store: { glance: () => Promise.resolve(sight) },
      clock: systemClock,
      pollMs: 1_000,
    }),
    ...{ handlers: new Map(), pollMs: 1_000, tenantRate: null },
    onCooled: store.onCooled,
    onChange: () => gates.note([closed], 0),
    onFailure: (error) => {
      throw error;
    },
  });
  const running = gates.run();
  await within(20_000, told.promise);
  gates.stop();
  await running;
}

Deno.test("limits settle when it is time, whatever claims were told meanwhile", async () => {
  let count = 0;
  await untilDone(gateWith({ settlesInMs: 20 }), (told) => ({
    settle: () => {
      count++;
      told();
      return Promise.resolve(0);
    },
  }));
  assert(count > 0);
});

Deno.test("a breaker cools when it is time, whatever claims were told meanwhile", async () => {
  let count = 0;
  await untilDone(gateWith({ breaker: "open", breakerOpensInMs: 20 }), (told) => ({
    onCooled: () => {
      count++;
      told();
      return Promise.resolve();
    },
  }));
  assert(count > 0);
});
