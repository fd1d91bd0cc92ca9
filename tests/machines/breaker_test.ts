/** The breaker machine: what opens it, what it lets through, what closes it. */
import { assertEquals } from "@std/assert";
import type { BreakerEvent, BreakerState } from "../../machines/breaker.ts";
import { type BreakerPosition, moveBreaker, newBreaker } from "../../src/core/breaker.ts";

const SETTINGS = { failures: 3, windowMs: 1_000, openMs: 5_000, probes: 2 };

const failure = (at: number): BreakerEvent => ({ type: "FAILURE", at, startedAt: at });
const success = (startedAt: number): BreakerEvent => ({ type: "SUCCESS", startedAt });

function after(events: readonly BreakerEvent[], from = newBreaker(SETTINGS)): BreakerPosition {
  return moveBreaker(from, events)?.after ?? from;
}

function stateAfter(...events: BreakerEvent[]): BreakerState {
  return after(events).state;
}

const opened = after([failure(1), failure(2), failure(3)]);
const halfOpen = after([{ type: "COOLED", at: 5_003 }], opened);

Deno.test("so many failures within the window open it, fewer do not, older ones do not count", () => {
  assertEquals(stateAfter(failure(1), failure(2)), "closed");
  assertEquals(stateAfter(failure(1), failure(2), failure(3)), "open");
  assertEquals(stateAfter(failure(1), failure(2), failure(1_002)), "closed");
  assertEquals(opened.context.openUntil, 5_003);
});

Deno.test("it stays open for its time, and then lets probes start", () => {
  assertEquals(moveBreaker(opened, [{ type: "COOLED", at: 5_002 }]), null);
  assertEquals(halfOpen.state, "half_open");
});

Deno.test("as many successful probes as it wants close it, one that fails opens it again", () => {
  assertEquals(after([success(5_004)], halfOpen).state, "half_open");
  const closed = after([success(5_004), success(5_005)], halfOpen);
  assertEquals([closed.state, closed.context.failedAt], ["closed", []]);
  const again = after([success(5_004), failure(5_010)], halfOpen);
  assertEquals([again.state, again.context.openUntil, again.context.successes], [
    "open",
    10_010,
    0,
  ]);
});

Deno.test("what started before the probes says nothing about them", () => {
  assertEquals(
    moveBreaker(
      halfOpen,
      [success(5_000), failure(4_999)].map((event) => ({
        ...event,
        startedAt: 4_000,
      })),
    ),
    null,
  );
});

Deno.test("by hand it opens without end, closes and resets", () => {
  const open = after([{ type: "OPEN", at: 9 }], halfOpen);
  assertEquals([open.state, open.context.openUntil], ["open", null]);
  assertEquals(moveBreaker(open, [{ type: "COOLED", at: 1e12 }]), null);
  assertEquals(after([{ type: "CLOSE", at: 10 }], open).state, "closed");
  assertEquals(after([{ type: "RESET", at: 10 }], open).state, "half_open");
});
