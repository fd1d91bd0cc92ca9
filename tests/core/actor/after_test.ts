/** The names of delayed transitions, as people read them. */
import { assertEquals } from "@std/assert";
import { afterOf } from "../../../src/core/actor/after.ts";

Deno.test("the name of a delayed transition tells its delay and its state", () => {
  assertEquals(afterOf("xstate.after.packBy.order.open.packing"), {
    words: "after packBy",
    state: "packing",
  });
  assertEquals(afterOf("xstate.after.60000.order"), { words: "after 1 min", state: "order" });
  assertEquals(afterOf("xstate.after.90.a.b")?.words, "after 90 ms");
  for (const other of ["APPROVE", "xstate.done.actor.pay", "remind", "xstate.after.1"]) {
    assertEquals(afterOf(other), null);
  }
});
