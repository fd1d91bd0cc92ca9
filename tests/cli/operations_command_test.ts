/** The commands for many jobs at once, as commands on a real database. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { testDatabase } from "../support/database.ts";
import { buildJob } from "../support/build.ts";
import { openSession } from "./command.ts";

Deno.test("operations: a dry run, a cancel to its end, list, show; what matches nothing is refused", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(["operations", ...args]);
  const jobs = [buildJob({ queue: "q" }), buildJob({ queue: "q" }), buildJob()];
  await db.store.insert(jobs);
  const dry = await run("cancel", "--queue", "q", "--dry-run", "--json");
  assertEquals([dry.code, JSON.parse(dry.stdout).matched], [0, 2]);
  const done = JSON.parse((await run("cancel", "--queue", "q", "--json")).stdout);
  assertEquals([done.state, done.matched, done.done], ["done", 2, 2]);
  const counts = await db.store.counts("default");
  assertEquals(counts.find(({ state }) => state === "cancelled")?.count, 2);
  assertStringIncludes((await run("list")).stdout, done.id);
  const shown = JSON.parse((await run("show", done.id, "--json")).stdout);
  assertEquals(shown.items.map((item: { outcome: string }) => item.outcome), ["done", "done"]);
  const again = await run("requeue", "--state", "cancelled", "--rate", "1", "--no-wait", "--json");
  assertEquals([again.code, JSON.parse(again.stdout).matched], [0, 2]);
  const id = JSON.parse(again.stdout).id;
  assertStringIncludes((await run("stop", id)).stdout, "stopped");
  assertStringIncludes((await run("resume", id)).stdout, id);
  const [audit] = await db.sql`
    select string_agg(action, ' ' order by id) as actions from perdura.audit`;
  assertEquals(
    audit?.actions,
    "operation.start operation.start operation.stop operation.resume",
  );
  const none = await run("retry-failed", "--type", "nobody");
  assertEquals([none.code, none.lines.length], [3, 1]);
  assertStringIncludes(none.lines[0] ?? "", "Matches no job");
  assertEquals((await run("show", "nonsense")).code, 2);
});
