/** Who is too slow with a body, and when this process is what is slow. */
import { assertRejects } from "@std/assert";
import { RequestTimeoutError } from "../../src/core/errors.ts";
import { Patience } from "../../src/http/patience.ts";

const LOOK_MS = 10;

/** Keeps this process from looking in time. */
function standStill(): void {
  const until = performance.now() + 4 * LOOK_MS;
  while (performance.now() < until);
}

Deno.test("a body that does not come is given up, though every look at it is late", async () => {
  const patience = new Patience({ graceMs: 0, bytesPerSecond: 1, lookMs: LOOK_MS });
  let isOver = false;
  const body = patience.with(new Promise(() => {}), { bytes: 0 }).finally(() => isOver = true);
  const given = assertRejects(() => body, RequestTimeoutError);
  for (let n = 0; n < 50 && !isOver; n++) {
    standStill();
    await new Promise((next) => setTimeout(next, 0));
  }
  if (!isOver) throw new Error("it was looked at in vain");
  await given;
});
