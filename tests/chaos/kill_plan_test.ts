/** The plan of kills: the same for the same seed, another one for another, and all three are hit. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { planKills, VICTIMS } from "./kill_plan.ts";

Deno.test("planKills() draws who and when from the seed alone", () => {
  const plan = planKills(7, 50, 1_000);
  assertEquals(planKills(7, 50, 1_000), plan);
  assertNotEquals(planKills(8, 50, 1_000), plan);
  const moments = plan.map(({ at }) => at);
  assertEquals(moments, moments.toSorted((a, b) => a - b));
  assertEquals(moments.filter((at) => at < 0 || at >= 1_000), []);
  const hits = VICTIMS.map((victim) => plan.filter((kill) => kill.victim === victim).length);
  assertEquals(hits, [17, 17, 16]);
});
