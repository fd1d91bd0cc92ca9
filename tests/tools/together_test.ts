import { assertEquals, assertRejects } from "@std/assert";
import { together } from "../../tools/together.ts";

Deno.test("together() gives what each comes to, in order", async () => {
  const stop = new AbortController();
  assertEquals(await together([Promise.resolve(1), Promise.resolve(2)], stop), [1, 2]);
  assertEquals(stop.signal.aborted, false);
});

Deno.test("together() of one that throws stops the others, and is over when they are", async () => {
  const stop = new AbortController();
  let isOver = false;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "setInterval(() => {}, 1000)"],
    signal: stop.signal,
  }).spawn();
  const other = child.status.then(() => isOver = true);
  const runs = [Promise.reject(new RangeError("no")), other];
  try {
    await assertRejects(() => together(runs, stop), RangeError, "no");
    assertEquals(isOver, true, "what it needs would be gone under it");
  } finally {
    stop.abort();
    await child.status;
  }
});
