/** Claims past gates ask few lanes where each brings much, and many where each brings little. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { LaneWidth } from "../../src/runtime/lane_width.ts";

const LIMIT = 100;

/** What a claim of that many lanes brings, when each has so many that may start. */
function settled(perLane: number): number {
  const width = new LaneWidth(20);
  for (let n = 0; n < 10; n++) width.note(Math.min(LIMIT, width.lanes * perLane), LIMIT);
  return width.lanes;
}

Deno.test("wide and deep lanes are asked a few at a time", () => {
  assertEquals(settled(100), 4);
});

Deno.test("lanes that bring little are asked together", () => {
  assertEquals(settled(3), 20);
  assertEquals(settled(1), 20);
});

Deno.test("there is always a lane, and never more than there may be", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 50 }),
    fc.array(fc.tuple(fc.nat(1_000), fc.integer({ min: 1, max: 1_000 }))),
    (most, claims) => {
      const width = new LaneWidth(most);
      for (const [jobs, limit] of claims) {
        width.note(Math.min(jobs, limit), limit);
        if (width.lanes < 1 || width.lanes > most) return false;
      }
      return true;
    },
  ));
});
