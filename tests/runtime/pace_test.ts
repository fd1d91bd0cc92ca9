/** How much may be claimed ahead: what ends here in that time, and nothing where nothing ends. */
import { assertEquals } from "@std/assert";
import { Pace } from "../../src/runtime/pace.ts";

Deno.test("where nothing has ended, nothing is claimed ahead", () => {
  assertEquals(new Pace().within(15, 1_000), 0);
});

Deno.test("a pace is that of the last window, in parts of it, and is over with the next", () => {
  const pace = new Pace();
  pace.turn(1_000);
  for (let n = 0; n < 100; n++) pace.note();
  assertEquals([pace.within(50, 1_010), pace.within(15, 1_010)], [100, 30]);
  assertEquals(pace.within(50, 1_060), 100);
  assertEquals(pace.within(50, 1_200), 0);
});

Deno.test("what made no room does not count", () => {
  const pace = new Pace();
  pace.turn(1_000);
  for (let n = 0; n < 10; n++) pace.note();
  pace.forget(4);
  assertEquals(pace.within(50, 1_010), 6);
  pace.forget(40);
  assertEquals(pace.within(50, 1_010), 0);
});
