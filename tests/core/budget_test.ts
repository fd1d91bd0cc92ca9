/** What has a budget happens freely at a low rate, and so many times a second at a high one. */
import { assertEquals } from "@std/assert";
import { Budget } from "../../src/core/budget.ts";

Deno.test("at most so many begin within a second, and after a pause no more than that at once", () => {
  let ms = 0;
  const budget = new Budget(10, { now: () => ms, monotonic: () => ms });
  const begun = (times: number) => Array.from({ length: times }, () => budget.take());
  const count = (times: number) => begun(times).filter(Boolean).length;
  assertEquals(count(50), 10);
  ms += 200;
  assertEquals(count(50), 2);
  ms += 60_000;
  assertEquals(count(50), 10);
  let slow = 0;
  for (let n = 0; n < 100; n++) {
    ms += 100;
    slow += count(1);
  }
  assertEquals(slow, 100, "one every tenth of a second");
});

Deno.test("without a bound every one begins", () => {
  const budget = new Budget(Infinity, { now: () => 0, monotonic: () => 0 });
  assertEquals(Array.from({ length: 1000 }, () => budget.take()).every(Boolean), true);
});
