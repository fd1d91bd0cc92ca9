/** `report.generate`: the numbers of the job tables as a file that spreadsheets read. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { reportGenerate } from "../../handlers/report_generate.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

Deno.test("report.generate counts a tenant's jobs by type and state, and writes one file per job", async () => {
  await using db = await testDatabase();
  const dir = await Deno.makeTempDir();
  const { run, jobs, worker } = testWorker(db, [
    ...debugHandlers,
    reportGenerate({ reportsDir: dir }),
  ]);
  await run("debug.noop", {}, "succeeded");
  await run("debug.noop", {}, "succeeded");
  await jobs.enqueueUnchecked({ type: "debug.noop", delayMs: 60_000, queue: '=a:"b"'.slice(1, 3) });
  await jobs.enqueueUnchecked({ type: "debug.noop", tenantId: "other" });
  const job = await run("report.generate", { reportId: "daily" }, "succeeded", "dead_letter");
  assertEquals([job.state, job.lastError], ["succeeded", null]);
  const [file, ...others] = [...Deno.readDirSync(dir)].map(({ name }) => name);
  assertEquals([file, others], [`daily-${job.id}.csv`, []]);
  const text = await Deno.readTextFile(`${dir}/${file}`);
  const lines = text.trimEnd().split("\r\n").map((line) => line.split(",").slice(0, 4).join(","));
  assertEquals(lines, [
    "type,queue,state,jobs",
    "debug.noop,a:,scheduled,1",
    "debug.noop,default,succeeded,2",
    "report.generate,default,running,1",
  ]);
  const wrong = await jobs.enqueueUnchecked({
    type: "report.generate",
    payload: { reportId: "../x" },
  })
    .catch((error) => String(error));
  assertStringIncludes(String(wrong), "payload.reportId");
  await worker.stop();
  await Deno.remove(dir, { recursive: true });
});
