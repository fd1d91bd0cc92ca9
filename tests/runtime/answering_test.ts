/** What a change answers does not depend on how fast the workers are. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import type { JobEvent, JobState } from "../../machines/job.ts";
import { jobAfter } from "../../src/runtime/answering.ts";
import { decide } from "../../src/runtime/deciding.ts";
import { GiveUp } from "../../src/core/outcome.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { jobIn, testApi } from "../http/support.ts";
import { changeFor, claimAll } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const options = { tenantId: null, ifVersion: null, cause: "test" };

const cases: readonly (readonly [JobState, JobEvent])[] = [
  ["dead_letter", { type: "REQUEUE" }],
  ["cancelled", { type: "REQUEUE" }],
  ["retry", { type: "RETRY_NOW" }],
  ["scheduled", { type: "RETRY_NOW" }],
  ["pending", { type: "SCHEDULE", when: { delayMs: 0 } }],
  ["retry", { type: "SCHEDULE", when: { runAt: "2020-01-01T00:00:00.000Z" } }],
  ["pending", { type: "CANCEL" }],
  ["retry", { type: "CANCEL" }],
];

for (const [state, event] of cases) {
  Deno.test(`${event.type} in ${state} is answered the same when the job has moved on`, async () => {
    await using api = await testApi();
    const { store } = api.db;
    const id = await jobIn(api, state);
    const before = await api.jobs.get(null, id);
    const { job } = await api.jobs.send(id, event, options);
    if (event.type === "CANCEL") await api.jobs.send(id, { type: "REQUEUE" }, options);
    const [taken] = await claimAll(store, 1);
    assertEquals(taken?.id, id);
    const after = () => jobAfter(store, before, decide(before, event));
    assertEquals(await after(), job, "claimed");
    assert(taken);
    assertEquals(await store.commit(null, [changeFor(taken, { type: "SUCCEED" })]), []);
    assertEquals(await after(), job, "ended");
  });
}

Deno.test("a requeue beside a quick worker is answered as pending, attempt 0", async () => {
  await using db = await testDatabase();
  const quick = defineHandler({
    type: "quick",
    input: z.unknown(),
    handle: () => new GiveUp(new Error("no")),
  });
  await using w = testWorker(db, [quick]);
  const { id } = await w.run("quick", {}, "dead_letter");
  for (let n = 0; n < 50; n++) {
    const { job } = await w.jobs.send(id, { type: "REQUEUE" }, options);
    assertEquals([job.state, job.attempt, job.version, job.leaseOwner], [
      "pending",
      0,
      4 + 3 * n,
      null,
    ]);
    await w.reach(id, "dead_letter");
  }
});
