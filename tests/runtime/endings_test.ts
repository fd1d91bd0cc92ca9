/** How an attempt ended, as an event for the machine, and the machine's answer as a change. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { backoffDelayMs } from "../../src/core/backoff.ts";
import { LockTakenError, PermanentError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import { giveUp, retryAfter, snooze } from "../../src/core/outcome.ts";
import {
  changeOf,
  type Ending,
  endingOfResult,
  endingOfThrow,
  type Knowledge,
} from "../../src/runtime/endings.ts";
import type { RetryPolicy } from "../../src/runtime/handlers.ts";
import type { ClaimedJob } from "../../src/store/store.ts";

const AT = new Date("2026-01-02T03:04:05.678Z");
const backoff = { baseMs: 1000, factor: 2, capMs: 300_000 };

const claimed: ClaimedJob = {
  tenantId: "acme",
  id: "01890000-0000-7000-8000-000000000001",
  holdsSlots: false,
  leaseId: "01890000-0000-7000-8000-000000000002",
  lane: "1",
  queue: "default",
  type: "debug.noop",
  priority: 0,
  runAt: "2026-01-02T03:04:05Z",
  version: 4,
  attempt: 2,
  maxAttempts: 3,
  crashes: 1,
  maxCrashes: 3,
  timeoutMs: 1000,
  backoff: null,
  metadata: null,
  tags: [],
  createdAt: AT,
  payload: {},
};

/** What the job becomes, and by which event. */
function decide(ending: Ending, known: Partial<Knowledge> = {}, job: Partial<ClaimedJob> = {}) {
  const knowledge = { cancelRequested: false, backoff, at: AT, ...known };
  return changeOf({ ...claimed, ...job }, ending, knowledge);
}

function failureOf(ending: Ending) {
  assert(ending.kind === "failed", ending.kind);
  return ending;
}

Deno.test("endingOfResult() stores what a handler returned, and null for nothing", () => {
  assertEquals(endingOfResult(undefined, () => AT), { kind: "succeeded", output: "null" });
  assertEquals(endingOfResult(null, () => AT), { kind: "succeeded", output: "null" });
  assertEquals(endingOfResult(false, () => AT), { kind: "succeeded", output: "false" });
  assertEquals(endingOfResult({ at: AT, skip: undefined }, () => AT), {
    kind: "succeeded",
    output: '{"at":"2026-01-02T03:04:05.678Z"}',
  });
});

const ring: unknown[] = [];
ring.push(ring);
const unstorable: Record<string, unknown> = {
  "a function": () => 1,
  "a symbol": Symbol("s"),
  "a bigint": { n: 1n },
  "a ring": ring,
  "a toJSON() that throws": {
    toJSON: () => {
      throw new Error("no");
    },
  },
  "NUL": { text: "a\0" },
  "a lone surrogate": ["\ud800"],
  "more than 64 levels": Array.from({ length: 65 }).reduce((inner) => [inner], 1),
  "more than a megabyte": "x".repeat(limits.payloadBytesMax),
};

for (const [name, value] of Object.entries(unstorable)) {
  Deno.test(`endingOfResult() takes an output of ${name} for a failure for good`, () => {
    const { error, retryable } = failureOf(endingOfResult(value, () => AT));
    assertEquals([retryable, error.retryable, error.code], [false, false, "invalid_output"]);
  });
}

Deno.test("endingOfResult() reads what a handler returns instead of an output", () => {
  assertEquals(endingOfResult(snooze(1500), () => AT), { kind: "snoozed", delayMs: 1500 });
  const later = failureOf(endingOfResult(retryAfter(2000, new Error("429")), () => AT));
  assertEquals([later.retryable, later.delayMs, later.error.message], [true, 2000, "429"]);
  const never = failureOf(endingOfResult(giveUp("no such account"), () => AT));
  assertEquals([never.retryable, never.delayMs], [false, null]);
  assertEquals([never.error.message, never.error.retryable], ["no such account", false]);
});

Deno.test("a snooze is as long as it says, a second where it says none, and a failure where it says nothing", () => {
  const snoozes = [1, 1.6, Infinity, 0, -1, -Infinity, 0.4];
  assertEquals(
    snoozes.map((ms) => endingOfResult(snooze(ms), () => AT)),
    [1, 2, limits.delayMsMax, 1_000, 1_000, 1_000, 1_000].map((delayMs) => {
      return { kind: "snoozed" as const, delayMs };
    }),
  );
  const untyped: unknown[] = [NaN, "60", undefined, null, new Date(0)];
  const failures = untyped.map((ms) =>
    failureOf(endingOfResult(Reflect.apply(snooze, null, [ms]), () => AT))
  );
  assertEquals(
    failures.map(({ error }) => error.message),
    ["NaN", "string", "undefined", "object", "object"].map((what) =>
      `snooze() got ${what}; give it a number of milliseconds`
    ),
  );
  for (const { error, retryable, delayMs } of failures) {
    assertEquals([error.code, error.retryable], ["invalid_snooze", true]);
    // As a throw: after the backoff, until its attempts are spent.
    assertEquals([retryable, delayMs], [true, null]);
  }
});

Deno.test("a delay that a handler names is whole, not negative, and bounded", () => {
  const wishes = [-1, NaN, 0.4, 1.6, Infinity];
  const bounded = [0, 0, 0, 2, limits.delayMsMax];
  assertEquals(
    wishes.map((ms) => failureOf(endingOfResult(retryAfter(ms), () => AT)).delayMs),
    bounded,
  );
  const wish = (delayMs: number): RetryPolicy => ({ on: () => ({ delayMs }) });
  assertEquals(
    wishes.map((ms) => failureOf(endingOfThrow("x", wish(ms), AT)).delayMs),
    bounded,
  );
});

Deno.test("endingOfThrow() retries by default, unless the error says that it is of no use", () => {
  const ordinary = failureOf(endingOfThrow(new Error("x"), {}, AT));
  assertEquals([ordinary.retryable, ordinary.delayMs, ordinary.error.retryable], [
    true,
    null,
    true,
  ]);
  const permanent = failureOf(endingOfThrow(new PermanentError("x"), {}, AT));
  assertEquals([permanent.retryable, permanent.error.name], [false, "PermanentError"]);
});

Deno.test("endingOfThrow() lets the policy of the type overrule the error", () => {
  const insists = failureOf(endingOfThrow(new PermanentError("x"), { on: () => "retry" }, AT));
  assertEquals([insists.retryable, insists.error.retryable], [true, true]);
  const stops = failureOf(endingOfThrow(new Error("x"), { on: () => "give_up" }, AT));
  assertEquals([stops.retryable, stops.error.retryable], [false, false]);
});

Deno.test("endingOfThrow() passes over a policy that throws itself", () => {
  const policy: RetryPolicy = {
    on: () => {
      throw new Error("in the policy");
    },
  };
  const { error, retryable } = failureOf(endingOfThrow(new Error("of the handler"), policy, AT));
  assertEquals([error.message, retryable], ["of the handler", true]);
});

Deno.test("endingOfThrow() describes what is not an error", () => {
  for (const thrown of [undefined, null, "text", Symbol("s"), Object.create(null)]) {
    const { error } = failureOf(endingOfThrow(thrown, {}, AT));
    assertEquals([error.name, error.at], ["Error", AT.toISOString()]);
  }
});

Deno.test("changeOf() carries the fence of its claim", () => {
  const { tenantId, id, version, leaseId } = decide({ kind: "interrupted" });
  assertEquals({ tenantId, id, version, leaseId }, {
    tenantId: claimed.tenantId,
    id: claimed.id,
    version: 4,
    leaseId: claimed.leaseId,
  });
});

Deno.test("changeOf() commits a success with its output, even when a cancel was requested", () => {
  for (const cancelRequested of [false, true]) {
    const change = decide({ kind: "succeeded", output: "{}" }, { cancelRequested });
    assertEquals([change.decision.event, change.decision.to], ["SUCCEED", "succeeded"]);
    assertEquals([change.output, change.error, change.cancelKnown], ["{}", null, null]);
  }
});

Deno.test("changeOf() lets a failure wait for its backoff, or for the delay that was named", () => {
  const failed = failureOf(endingOfThrow(Object.assign(new Error("x"), { code: "E1" }), {}, AT));
  const change = decide(failed);
  assertEquals(change.decision.to, "retry");
  assertEquals(change.decision.due, { delayMs: backoffDelayMs(backoff, claimed.id, 2) });
  assertEquals([change.error?.message, change.cause, change.cancelKnown], ["x", "E1", false]);
  const named = decide(endingOfResult(retryAfter(77), () => AT));
  assertEquals([named.decision.to, named.decision.due], ["retry", { delayMs: 77 }]);
});

Deno.test("changeOf() buries a failure of the last attempt, and one that no retry can mend", () => {
  const last = decide(endingOfThrow(new Error("x"), {}, AT), {}, { attempt: 3 });
  assertEquals([last.decision.to, last.decision.context.attempt], ["dead_letter", 3]);
  const permanent = decide(endingOfResult(giveUp("x"), () => AT), {}, { attempt: 1 });
  assertEquals([permanent.decision.to, permanent.error?.message], ["dead_letter", "x"]);
});

Deno.test("changeOf() refunds the attempt of a snooze and of an interruption", () => {
  const snoozed = decide({ kind: "snoozed", delayMs: 5 });
  assertEquals([snoozed.decision.to, snoozed.decision.context.attempt], ["scheduled", 1]);
  assertEquals(snoozed.decision.due, { delayMs: 5 });
  const interrupted = decide({ kind: "interrupted" });
  assertEquals([interrupted.decision.to, interrupted.decision.context.attempt], ["pending", 1]);
  assertEquals([interrupted.error, interrupted.cause], [null, null], "an outside worker's");
  const held = decide({ kind: "interrupted", cause: "not_started" });
  assertEquals([held.decision.to, held.cause], ["pending", "not_started"]);
});

Deno.test("changeOf() spreads the jobs that one lock has sent away, and says what they wait for", () => {
  const taken = endingOfThrow(new LockTakenError("l"), {}, AT);
  const delayOf = (job: Partial<ClaimedJob>) => {
    const { decision, cause } = decide(taken, {}, job);
    assertEquals([decision.to, cause], ["scheduled", "lock_taken"]);
    assert(decision.due !== null && "delayMs" in decision.due);
    assert(decision.due.delayMs >= 2_000 && decision.due.delayMs <= 2_500);
    return decision.due.delayMs;
  };
  const ids = Array.from({ length: 20 }, (_, n) => claimed.id.slice(0, -2) + (n + 10));
  assert(new Set(ids.map((id) => delayOf({ id }))).size > 10);
  const versions = ids.map((_, version) => delayOf({ version }));
  assert(new Set(versions).size > 10);
  assertEquals(versions, ids.map((_, version) => delayOf({ version })));
  assertEquals(decide(taken, { cancelRequested: true }).cause, null);
  assertEquals(decide({ kind: "snoozed", delayMs: 5 }).decision.due, { delayMs: 5 });
});

Deno.test("changeOf() cancels whatever did not succeed after a cancel was requested", () => {
  const endings: Ending[] = [
    endingOfThrow(new Error("x"), {}, AT),
    { kind: "snoozed", delayMs: 5 },
    { kind: "interrupted" },
    { kind: "cancelled" },
  ];
  for (const ending of endings) {
    const change = decide(ending, { cancelRequested: true });
    assertEquals(change.decision.to, "cancelled", ending.kind);
    assertEquals(change.error?.message, "Cancelled by user", ending.kind);
    assertEquals(change.output, null);
  }
});

Deno.test("changeOf() says what it assumed about a cancel, wherever it matters", () => {
  const failed = endingOfThrow(new Error("x"), {}, AT);
  assertEquals(decide(failed).cancelKnown, false);
  assertEquals(decide(failed, { cancelRequested: true }).cancelKnown, true);
  assertEquals(decide({ kind: "snoozed", delayMs: 0 }).cancelKnown, false);
  assertEquals(decide({ kind: "interrupted" }).cancelKnown, false);
  assertEquals(decide({ kind: "cancelled" }).cancelKnown, null);
});

Deno.test("a lastError of a job that will be retried says that it is retryable", () => {
  const error = Object.assign(new Error("429"), { retryable: false });
  const change = decide(endingOfResult(retryAfter(1000, error), () => AT));
  assertEquals([change.decision.to, change.error?.retryable], ["retry", true]);
  assertStringIncludes(change.error?.message ?? "", "429");
});
