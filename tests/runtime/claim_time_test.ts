/** A claim past gates is asked for what will be free when it is back. */
import { assertEquals } from "@std/assert";
import { ClaimTime } from "../../src/runtime/claim_time.ts";

function after(...claims: number[]): number {
  const time = new ClaimTime();
  for (const ms of claims) time.note(ms);
  return Math.round(time.ms);
}

Deno.test("it follows what claims take, within bounds", () => {
  assertEquals(after(), 15);
  assertEquals(after(...Array(40).fill(30)), 30);
  assertEquals(after(...Array(40).fill(2)), 15);
  assertEquals(after(...Array(40).fill(400)), 50);
});

Deno.test("one slow claim does not say what the next will take", () => {
  assertEquals(after(...Array(40).fill(20), 60), 30);
});
