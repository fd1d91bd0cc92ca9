/** The spread of periodic work. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { jittered } from "../../src/core/clock.ts";

Deno.test("jittered() reaches both borders and stays between them, in whole milliseconds", () => {
  assertEquals([0, 0.5, 1 - 2 ** -53].map((at) => jittered(1000, () => at)), [900, 1000, 1100]);
  assertEquals(jittered(1000, () => 0, 0.5), 500);
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), unit, unit, (baseMs, at, share) => {
      const ms = jittered(baseMs, () => at, share);
      assert(Number.isInteger(ms));
      assert(Math.abs(ms - baseMs) <= share * baseMs + 0.5, `${ms} of ${baseMs} ± ${share}`);
    }),
  );
});
