/** Many jobs in one call of a handler, each with its own outcome. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { z } from "zod";
import { type BatchItem, defineHandler, retryAfter } from "../../mod.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const input = z.strictObject({ n: z.int() });
type Items = readonly BatchItem<z.output<typeof input>>[];

function payloads(count: number) {
  return Array.from({ length: count }, (_, n) => ({ type: "many", payload: { n } }));
}

Deno.test("a handler of many jobs is called with full batches, and each job has its own outcome", async () => {
  await using db = await testDatabase();
  const calls: number[] = [];
  const many = defineHandler({
    type: "many",
    input,
    batch: { size: 5, timeoutMs: 60_000 },
    retry: { maxAttempts: 2 },
    handle: (items) => {
      calls.push(items.length);
      return items.map(({ input: { n }, context }) => {
        if (n === 3) return new RangeError(`${n} is not to be squared`);
        if (n === 4 && context.job.attempt === 1) return retryAfter(0, "not yet");
        return n * n;
      });
    },
  });
  await using worker = testWorker(db, [many]);
  // Five at first; the second call has the other three, and the two that come again.
  const made = await worker.jobs.enqueueMany(payloads(8));
  const ended = await Promise.all(
    made.map(({ id }) => worker.reach(id, "succeeded", "dead_letter")),
  );
  assertEquals(calls, [5, 5]);
  assertEquals(ended.map(({ output }) => output), [0, 1, 4, null, 16, 25, 36, 49]);
  assertEquals(ended.map(({ attempt }) => attempt), [1, 1, 1, 2, 2, 1, 1, 1]);
  assertEquals(ended[3]?.lastError?.message, "3 is not to be squared");
});

Deno.test("a call begins when its first job has waited long enough", async () => {
  await using db = await testDatabase();
  const many = defineHandler({
    type: "many",
    input,
    output: z.strictObject({ of: z.int() }),
    batch: { size: 100, timeoutMs: 0 },
    handle: (items) => items.map(() => ({ of: items.length })),
  });
  await using worker = testWorker(db, [many]);
  assertEquals((await worker.run("many", { n: 1 })).output, { of: 1 });
});

Deno.test("a call that throws fails every job of it; results that are not one for each, for good", async () => {
  await using db = await testDatabase();
  const results: ((items: Items) => number[])[] = [
    () => {
      throw new Error("all of them");
    },
    () => [1],
    (items) => items.map(() => 2),
  ];
  const many = defineHandler({
    type: "many",
    input,
    batch: { size: 2, timeoutMs: 60_000 },
    retry: { maxAttempts: 2 },
    handle: (items) => results.shift()?.(items) ?? [],
  });
  await using worker = testWorker(db, [many]);
  const made = await worker.jobs.enqueueMany(payloads(2));
  const ended = await Promise.all(made.map(({ id }) => worker.reach(id, "dead_letter")));
  for (const { attempt, lastError } of ended) {
    assertEquals([attempt, lastError?.code], [2, "invalid_output"]);
    assertStringIncludes(lastError?.message ?? "", "A handler of 2 jobs must give as many results");
  }
  const again = await worker.jobs.enqueueMany(payloads(2));
  for (const { id } of again) assertEquals((await worker.reach(id, "succeeded")).output, 2);
});

Deno.test("a job that is cancelled while it gathers is not run", async () => {
  await using db = await testDatabase();
  const seen: number[] = [];
  const many = defineHandler({
    type: "many",
    input,
    batch: { size: 2, timeoutMs: 60_000 },
    handle: (items) => {
      seen.push(...items.map(({ input: { n } }) => n));
      return items.map(() => null);
    },
  });
  await using worker = testWorker(db, [many]);
  const [first] = await worker.jobs.enqueueMany(payloads(1));
  const id = first?.id ?? "";
  await worker.reach(id, "running");
  await worker.jobs.send(id, { type: "CANCEL" }, {
    tenantId: null,
    ifVersion: null,
    cause: "test",
  });
  await worker.reach(id, "cancelled");
  const others = await worker.jobs.enqueueMany(payloads(3).slice(1));
  for (const other of others) await worker.reach(other.id, "succeeded");
  assertEquals(seen, [1, 2]);
});

Deno.test("a batch that cannot be is a mistake of the program, told at its start", () => {
  for (const batch of [{ size: 0, timeoutMs: 1 }, { size: 1, timeoutMs: -1 }]) {
    assertThrows(() => defineHandler({ type: "many", input, batch, handle: () => [] }));
  }
});
