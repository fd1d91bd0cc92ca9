/** What a handler may return instead of an output. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { PermanentError } from "../../src/core/errors.ts";
import { GiveUp, giveUp, RetryAfter, retryAfter, Snooze, snooze } from "../../src/core/outcome.ts";

Deno.test("snooze() carries its delay, and is neither an error nor an output", () => {
  const outcome = snooze(1500);
  assert(outcome instanceof Snooze);
  assertEquals(outcome.delayMs, 1500);
  assert(!(outcome instanceof Error), "a user's catch could swallow it");
});

Deno.test("retryAfter() carries its delay and the error, or says why by itself", () => {
  const error = new Error("429");
  const outcome = retryAfter(2000, error);
  assert(outcome instanceof RetryAfter);
  assertEquals(outcome.delayMs, 2000);
  assertStrictEquals(outcome.error, error);
  assertEquals(retryAfter(1).error, "Retry later");
});

Deno.test("giveUp() carries the error", () => {
  const outcome = giveUp("no such account");
  assert(outcome instanceof GiveUp);
  assertEquals(outcome.error, "no such account");
});

Deno.test("PermanentError says that no retry can mend it", () => {
  const error = new PermanentError("no such account");
  assertEquals([error.name, error.message, error.retryable], [
    "PermanentError",
    "no such account",
    false,
  ]);
});
