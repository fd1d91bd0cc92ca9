/** `batches`: begun from a file, looked at, cancelled, as commands on a real database. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { testDatabase } from "../support/database.ts";
import { openSession } from "./command.ts";

Deno.test("batches: from a file of jobs, the same once; show, cancel; wrong lines are told", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(["batches", ...args]);
  const file = await Deno.makeTempFile();
  const job = JSON.stringify({ type: "debug.noop", delayMs: 3_600_000 });
  await Deno.writeTextFile(file, `${job}\n\n${job}\n`);
  const start = ["start", file, "--id", "b", "--until", "any", "--then", '{"type":"debug.noop"}'];
  for (let times = 0; times < 2; times++) {
    const { code, stdout } = await run(...start, "--json");
    assertEquals([code, JSON.parse(stdout).total, JSON.parse(stdout).left], [0, 2, 2]);
  }
  const [row] = await db.sql`select count(*)::int as n from perdura.job`;
  assertEquals(row?.n, 2);
  assertStringIncludes((await run("show", "b")).stdout, "b running: 0 of 2 succeeded");
  assertStringIncludes((await run("cancel", "b")).stdout, "b cancelled");
  const over = await run(...start, "--wait", "--json");
  assertEquals([over.code, JSON.parse(over.stdout).isReached, over.lines.length], [1, false, 1]);
  await Deno.writeTextFile(file, `${job}\nnonsense\n`);
  const wrong = await run("start", file);
  assertEquals([wrong.code, wrong.lines.length], [3, 1]);
  assertStringIncludes(wrong.lines[0] ?? "", "line 2");
  assertEquals((await run("show", "nobody")).code, 3);
  await Deno.remove(file);
});
