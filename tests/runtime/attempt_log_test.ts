/** `context.log`: whenever a line is logged, it is written. */
import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { AttemptLog } from "../../src/runtime/attempt_log.ts";
import type { LogStore } from "../../src/store/store.ts";
import { buildJob, claimed } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";

/** So many turns of the microtasks lie around the end of a write, and some more. */
const TURNS = 12;

Deno.test("a line that is logged while the write before it ends is written as well", async () => {
  await using db = await testDatabase();
  const jobs = await claimed(db.store, ...Array.from({ length: TURNS }, () => buildJob()));
  const lost: string[] = [];
  for (const [turns, job] of jobs.entries()) {
    const { promise: isSaved, resolve } = Promise.withResolvers<void>();
    const save: LogStore["save"] = async (...line) => {
      const isOurs = await db.store.logs.save(...line);
      resolve();
      return isOurs;
    };
    const log = new AttemptLog(job, {
      store: { save },
      clock: systemClock,
      onLost: () => lost.push(job.id),
    });
    log.add("info", "first", undefined);
    await isSaved;
    for (let n = 0; n < turns; n++) await Promise.resolve();
    log.add("info", "second", undefined);
    await log.flush();
    const lines = await db.store.logs.list(job, { version: 0, n: 0 }, 10);
    assertEquals(lines.map(({ message }) => message), ["first", "second"], `after ${turns}`);
  }
  assertEquals([jobs.length, lost], [TURNS, []]);
});
