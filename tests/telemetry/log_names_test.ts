/** Lines that a handler logs name its job, with nobody tracing. */
import { assertEquals } from "@std/assert";
import { configure, getLogger, type LogRecord } from "@logtape/logtape";
import { z } from "zod";
import { defineHandler } from "perdura";
import { indexHandlers } from "../../src/runtime/handlers.ts";
import { logContext, named } from "../../src/telemetry/log_names.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

Deno.test("a handler's log lines have job, tenant, type and attempt, and no payload", async () => {
  const records: LogRecord[] = [];
  await configure({
    contextLocalStorage: logContext,
    sinks: { list: (record) => void records.push(record) },
    loggers: [
      { category: ["shop"], lowestLevel: "info", sinks: ["list"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
    reset: true,
  });
  const log = getLogger(["shop"]);
  const pack = defineHandler({
    type: "pack",
    input: z.object({ secret: z.string() }),
    handle: async (_, { progress }) => {
      log.info("begins");
      progress(1);
      await new Promise((done) => setTimeout(done, 1));
      log.info("after a while", { shelf: 7 });
    },
  });
  await using db = await testDatabase();
  await using w = testWorker(db, [...named(indexHandlers([pack])).values()]);
  const jobs = await Promise.all(
    ["a", "b"].map((secret) => w.run("pack", { secret }, "succeeded")),
  );
  const linesOf = (id: string) => records.filter(({ properties }) => properties.jobId === id);
  for (const { id } of jobs) {
    const names = { jobId: id, tenantId: "default", type: "pack", attempt: 1 };
    assertEquals(linesOf(id).map(({ properties }) => properties), [names, { ...names, shelf: 7 }]);
  }
  assertEquals(records.length, 4);
});
