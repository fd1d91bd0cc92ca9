/** A claim past gates looks as far ahead as a plain one, unless slots are short. */
import { assertEquals } from "@std/assert";
import { ClaimTime } from "../../src/runtime/claim_time.ts";

const NOW = 1_000;

/** After claims that took so long, of which the last one found a gate without slots. */
function short(...claims: number[]): ClaimTime {
  const time = new ClaimTime();
  claims.forEach((ms, at) => time.note(ms, at === claims.length - 1, NOW));
  return time;
}

Deno.test("with slots to spare it is 50 ms, whatever claims take", () => {
  const time = new ClaimTime();
  assertEquals(time.aheadMs(NOW), 50);
  time.note(3, false, NOW);
  assertEquals(time.aheadMs(NOW), 50);
});

Deno.test("where slots are short it is what claims take, within bounds", () => {
  assertEquals(Math.round(short(...Array(40).fill(30)).aheadMs(NOW)), 30);
  assertEquals(short(...Array(40).fill(2)).aheadMs(NOW), 15);
  assertEquals(short(...Array(40).fill(400)).aheadMs(NOW), 50);
  assertEquals(Math.round(short(...Array(40).fill(20), 60).aheadMs(NOW)), 30);
});

Deno.test("slots are short for a while after they were last", () => {
  const time = short(2);
  time.note(2, false, NOW + 4_000);
  assertEquals([time.aheadMs(NOW + 4_000), time.aheadMs(NOW + 5_000)], [15, 50]);
});
