/** The stored codes: they stand in every database, so they never change. */
import { assertEquals, assertThrows } from "@std/assert";
import { JOB_EVENTS, JOB_STATES } from "../../machines/job.ts";
import { eventCode, eventOf, stateCode, stateOf } from "../../src/core/codes.ts";

Deno.test("the codes of states are the released ones", () => {
  assertEquals(Object.fromEntries(JOB_STATES.map((state) => [state, stateCode(state)])), {
    pending: 0,
    scheduled: 1,
    running: 2,
    retry: 3,
    succeeded: 4,
    dead_letter: 5,
    cancelled: 6,
  });
});

Deno.test("the codes of events are the released ones", () => {
  assertEquals(Object.fromEntries(JOB_EVENTS.map((event) => [event, eventCode(event)])), {
    ENQUEUE: 0,
    SCHEDULE: 1,
    CLAIM: 2,
    SUCCEED: 3,
    FAIL: 4,
    LEASE_EXPIRED: 5,
    SNOOZE: 6,
    INTERRUPTED: 7,
    CANCEL: 8,
    REQUEUE: 9,
    RETRY_NOW: 10,
  });
});

Deno.test("every code leads back to its name, and an unknown one is an error", () => {
  assertEquals(JOB_STATES.map((state) => stateOf(stateCode(state))), [...JOB_STATES]);
  assertEquals(JOB_EVENTS.map((event) => eventOf(eventCode(event))), [...JOB_EVENTS]);
  for (const code of [-1, JOB_STATES.length, 0.5, NaN]) {
    assertThrows(() => stateOf(code), RangeError, String(code));
  }
  for (const code of [-1, JOB_EVENTS.length]) {
    assertThrows(() => eventOf(code), RangeError, String(code));
  }
});
