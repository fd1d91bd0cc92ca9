/** When the plans of a session are made anew: often at first and when it is slow, seldom otherwise. */
import { assertEquals } from "@std/assert";
import { PlanAge } from "../../src/store/plan_age.ts";

/** A session that runs a statement every 10 ms. Gives the seconds at which plans are made anew. */
function run(seconds: number, slowAt: number | null = null): number[] {
  let now = 0;
  const plans = new PlanAge(1_000, { monotonic: () => now });
  const renewed: number[] = [];
  for (; now < seconds * 1000; now += 10) {
    if (plans.isOverAtRun()) renewed.push(now / 1000);
    plans.note(now / 1000 === slowAt ? 200 : 2);
  }
  return renewed;
}

Deno.test("plans of a quick session live longer and longer, up to eight times", () => {
  assertEquals(run(40), [1, 3, 7, 15, 23, 31, 39]);
});

Deno.test("after a slow statement plans are as young as at first", () => {
  assertEquals(run(24, 16), [1, 3, 7, 15, 16.01, 18.01, 22.01]);
});

Deno.test("a session that is hardly used keeps its plans until it has run fifty statements", () => {
  let now = 0;
  const plans = new PlanAge(1_000, { monotonic: () => now });
  const renewed = [];
  for (let run = 1; run <= 120; run++) {
    now += 60_000;
    if (plans.isOverAtRun()) renewed.push(run);
  }
  assertEquals(renewed, [50, 100]);
});
