/** Natural batching: alone at once, together under load, nothing twice, nothing forgotten. */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { Batcher, type BatcherOptions } from "../../src/runtime/batcher.ts";

/** A sender whose batches stay in flight until the test lets them return. */
class Sender {
  readonly batches: number[][] = [];
  readonly #returns: (() => void)[] = [];

  readonly send = (batch: number[]): Promise<void> => {
    this.batches.push(batch);
    return new Promise((done) => this.#returns.push(done));
  };

  get inFlight(): number {
    return this.#returns.length;
  }

  /** Lets one batch return, and what follows from it happen. */
  async finish(index = 0): Promise<void> {
    this.#returns.splice(index, 1)[0]?.();
    await nextTask();
  }
}

/** All microtasks, and the timers of this turn, have run. */
function nextTask(): Promise<void> {
  return new Promise((done) => setTimeout(done, 0));
}

function open(options: Partial<BatcherOptions<number>> = {}) {
  const sender = new Sender();
  const batcher = new Batcher<number>({
    send: sender.send,
    sizeMax: 1000,
    inFlightMax: 1,
    gather: "microtask",
    ...options,
  });
  return { sender, batcher };
}

Deno.test("Batcher sends a lone item without waiting for others", async () => {
  for (const gather of ["microtask", () => 0] as const) {
    const { sender, batcher } = open({ gather });
    batcher.add(1);
    await nextTask();
    assertEquals(sender.batches, [[1]]);
  }
});

Deno.test("Batcher sends what was added in one go as one batch, in order", async () => {
  const { sender, batcher } = open();
  for (const item of [1, 2, 3]) batcher.add(item);
  await nextTask();
  assertEquals(sender.batches, [[1, 2, 3]]);
});

Deno.test("Batcher spreads nothing that is smaller than it is told, and the rest in equal parts", async () => {
  const { sender, batcher } = open({ inFlightMax: 2, spreadMin: 4 });
  for (const item of [1, 2, 3]) batcher.add(item);
  await nextTask();
  assertEquals(sender.batches, [[1, 2, 3]]);
  await sender.finish();
  for (const item of [4, 5, 6, 7]) batcher.add(item);
  await nextTask();
  assertEquals(sender.batches.slice(1), [[4, 5], [6, 7]]);
});

Deno.test("Batcher spreads what has gathered over the places in flight", async () => {
  const { sender, batcher } = open({ inFlightMax: 2, spreadMin: 2 });
  for (const item of [1, 2, 3, 4, 5]) batcher.add(item);
  await nextTask();
  assertEquals(sender.batches, [[1, 2, 3], [4, 5]]);
  for (const item of [6, 7, 8, 9]) batcher.add(item);
  await sender.finish();
  assertEquals(sender.batches[2], [6, 7, 8, 9], "one place is free");
  batcher.add(10);
  await sender.finish();
  await sender.finish();
  assertEquals(sender.batches[3], [10], "a few are not spread");
});

Deno.test("Batcher lets few wait for the batch in flight, and many go beside it", async () => {
  const { sender, batcher } = open({
    inFlightMax: 2,
    gather: () => 0,
    beside: { min: 3, ms: 3_600_000 },
  });
  batcher.add(1);
  await nextTask();
  for (const item of [2, 3]) batcher.add(item);
  await nextTask();
  assertEquals(sender.batches, [[1]], "two are few");
  batcher.add(4);
  await nextTask();
  assertEquals(sender.batches, [[1], [2, 3, 4]]);
  batcher.add(5);
  await sender.finish();
  assertEquals(sender.batches.length, 2, "one is few");
  await sender.finish();
  await nextTask();
  assertEquals(sender.batches[2], [5], "nothing is in flight any more");
  await sender.finish();
  await batcher.drained();
});

Deno.test("Batcher sends a few beside a batch that does not come back", async () => {
  const { sender, batcher } = open({ inFlightMax: 2, beside: { min: 3, ms: 20 } });
  batcher.add(1);
  await nextTask();
  batcher.add(2);
  while (sender.batches.length < 2) await nextTask();
  assertEquals(sender.batches, [[1], [2]]);
  await sender.finish();
  await sender.finish();
  await batcher.drained();
});

Deno.test("Batcher gathering by task takes along what later microtasks add", async () => {
  const { sender, batcher } = open({ gather: () => 0 });
  batcher.add(1);
  for (const item of [2, 3]) {
    await Promise.resolve();
    batcher.add(item);
  }
  await nextTask();
  assertEquals(sender.batches, [[1, 2, 3]]);
});

Deno.test("Batcher gathers while a batch is in flight, and sends that next", async () => {
  const { sender, batcher } = open();
  batcher.add(1);
  await nextTask();
  for (const item of [2, 3, 4]) {
    batcher.add(item);
    await nextTask();
  }
  assertEquals(sender.batches, [[1]]);
  await sender.finish();
  assertEquals(sender.batches, [[1], [2, 3, 4]]);
});

Deno.test("Batcher cuts batches at their largest size, and keeps to what may be in flight", async () => {
  const { sender, batcher } = open({ sizeMax: 2, inFlightMax: 2 });
  for (const item of [1, 2, 3, 4, 5]) batcher.add(item);
  await nextTask();
  assertEquals(sender.batches, [[1, 2], [3, 4]]);
  await sender.finish();
  assertEquals(sender.batches, [[1, 2], [3, 4], [5]]);
});

Deno.test("drained() resolves at once when there is nothing", async () => {
  const { batcher } = open();
  assert(batcher.isIdle);
  await batcher.drained();
});

Deno.test("drained() waits for items in flight, gathered, and added again by the sender", async () => {
  const { sender, batcher } = open();
  batcher.add(1);
  let isDrained = false;
  const drained = batcher.drained().then(() => isDrained = true);
  await nextTask();
  batcher.add(2);
  await sender.finish();
  assertEquals(isDrained, false);
  batcher.add(3);
  await sender.finish();
  assertEquals([isDrained, batcher.isIdle], [false, false]);
  await sender.finish();
  await drained;
  assertEquals(sender.batches, [[1], [2], [3]]);
  assert(batcher.isIdle);
});

Deno.test("Batcher sends every item once, in order, within its bounds, whatever returns when", async () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constant("add") },
      { weight: 1, arbitrary: fc.constant("turn") },
      { weight: 2, arbitrary: fc.nat({ max: 3 }) },
    ),
    { maxLength: 60 },
  );
  const options = fc.record({
    sizeMax: fc.integer({ min: 1, max: 5 }),
    inFlightMax: fc.integer({ min: 1, max: 3 }),
    gather: fc.constantFrom(() => 0, "microtask" as const),
  });
  await fc.assert(
    fc.asyncProperty(options, steps, async (options, steps) => {
      const { sender, batcher } = open(options);
      let added = 0;
      for (const step of steps) {
        if (step === "add") batcher.add(added++);
        else if (typeof step === "number") await sender.finish(step % (sender.inFlight || 1));
        else await nextTask();
        assertLessOrEqual(sender.inFlight, options.inFlightMax);
      }
      const drained = batcher.drained();
      await nextTask();
      while (sender.inFlight > 0) await sender.finish();
      await drained;
      assertEquals(sender.batches.flat(), Array.from({ length: added }, (_, n) => n));
      for (const batch of sender.batches) {
        assert(batch.length >= 1 && batch.length <= options.sizeMax, `${batch.length} items`);
      }
    }),
    { numRuns: 100 },
  );
});
