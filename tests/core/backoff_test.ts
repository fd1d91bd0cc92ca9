/** Delays between attempts: where they lie, where they end, and that they can be told in advance. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { type Backoff, backoffDelayMs } from "../../src/core/backoff.ts";
import { newId } from "../../src/core/id.ts";
import { limits } from "../../src/core/limits.ts";

const byDefault: Backoff = { baseMs: 1000, factor: 2, capMs: 300_000 };

const policies: fc.Arbitrary<Backoff> = fc.record({
  baseMs: fc.integer({ min: 1, max: limits.delayMsMax }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  capMs: fc.integer({ min: 1, max: limits.delayMsMax }),
});

const attempts = fc.integer({ min: 1, max: limits.attemptsMax });

Deno.test("backoffDelayMs() gives whole milliseconds between the plain delay and the cap", () => {
  fc.assert(
    fc.property(policies, fc.uuid(), attempts, (policy, jobId, attempt) => {
      const delayMs = backoffDelayMs(policy, jobId, attempt);
      const plainMs = policy.baseMs * policy.factor ** (attempt - 1);
      assert(Number.isSafeInteger(delayMs), `${delayMs} is not whole`);
      // Rounding may move either border by half a millisecond.
      assert(delayMs >= Math.min(plainMs, 0.8 * policy.capMs) - 0.5, `${delayMs} is too early`);
      assert(delayMs <= Math.min(1.25 * plainMs, policy.capMs) + 0.5, `${delayMs} is too late`);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("backoffDelayMs() gives the same job and attempt the same delay", () => {
  const id = "01890000-0000-7000-8000-000000000001";
  const first = [1, 2, 3, 20].map((attempt) => backoffDelayMs(byDefault, id, attempt));
  assertEquals(first, [1, 2, 3, 20].map((attempt) => backoffDelayMs(byDefault, id, attempt)));
});

Deno.test("backoffDelayMs() spreads jobs that failed together over the upper quarter", () => {
  const delays = Array.from({ length: 2000 }, () => backoffDelayMs(byDefault, newId(), 1));
  assertGreater(new Set(delays).size, 200);
  for (const quarter of [0, 1, 2, 3]) {
    const from = 1000 + quarter * 62.5;
    const share = delays.filter((ms) => ms >= from && ms < from + 62.5).length / delays.length;
    assert(share > 0.15 && share < 0.35, `${share} of the delays lie in quarter ${quarter}`);
  }
});

Deno.test("backoffDelayMs() stays at the cap when the growth overflows", () => {
  const policy = { baseMs: limits.delayMsMax, factor: 10, capMs: 5000 };
  for (const attempt of [1, 400, limits.attemptsMax]) {
    const delayMs = backoffDelayMs(policy, "any", attempt);
    assert(delayMs >= 4000 && delayMs <= 5000, `${delayMs}`);
  }
});
