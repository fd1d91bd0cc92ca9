/** What the waits of a stop have of its time. */
import { assertEquals } from "@std/assert";
import { deadlines } from "../../src/runtime/within.ts";

const never = new Promise<string>(() => {});
const soon = () => new Promise<string>((done) => setTimeout(() => done("ended"), 0));

Deno.test("a wait of a stop ends with what it waits for, or with its share of the whole", async () => {
  const until = deadlines({ shutdownMs: 20, clock: { now: () => 0, monotonic: () => 0 } });
  assertEquals(await until(0.5, soon()), "ended");
  assertEquals(await until(0.5, never), undefined);
});

Deno.test("a wait of a stop that comes late, after a standstill, has some time all the same", async () => {
  const instants = [0, 1_000_000];
  const clock = { now: () => 0, monotonic: () => instants.shift() ?? NaN };
  const until = deadlines({ shutdownMs: 600_000, clock });
  assertEquals(
    await until(0.85, new Promise((done) => setTimeout(() => done("ended"), 5))),
    "ended",
  );
});
