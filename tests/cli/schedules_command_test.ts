/** The commands for schedules, as commands on a real database. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testDatabase } from "../support/database.ts";
import { openSession } from "./command.ts";

Deno.test("schedules: put, pause, resume, trigger, remove; each is in the audit, with its version", async () => {
  await using db = await testDatabase();
  await using session = await openSession({ DATABASE_URL: db.url });
  const run = (...args: string[]) => session.run(["schedules", ...args]);
  const hourly = ["--every", "3600000", "--type", "debug.noop", "--tenant", "acme"];
  assertStringIncludes((await run("put", "hourly", ...hourly)).stdout, "hourly fires next at");
  const acme = ["hourly", "--tenant", "acme"];
  assertStringIncludes((await run("pause", ...acme)).stdout, "hourly is paused");
  assertStringIncludes((await run("resume", ...acme)).stdout, "hourly fires next at");
  assertMatch((await run("trigger", ...acme)).stdout, /^[\da-f-]{36}\n$/);
  assertEquals(JSON.parse((await run("show", ...acme)).stdout).version, 3);
  const removed = await run("remove", ...acme, "--json");
  assertEquals(JSON.parse(removed.stdout), { id: "hourly", removed: true });
  const none = await run("pause", ...acme);
  assertEquals([none.code, none.lines.length], [3, 1]);
  const audit = await db.sql`
    select tenant_id, action, subject, version, who like 'cli %' as by_hand
      from perdura.audit order by id`;
  const entry = { tenant_id: "acme", subject: "schedules/hourly", by_hand: true };
  assertEquals([...audit], [
    { ...entry, action: "schedule.put", version: 1 },
    { ...entry, action: "schedule.pause", version: 2 },
    { ...entry, action: "schedule.resume", version: 3 },
    { ...entry, action: "schedule.trigger", version: null },
    { ...entry, action: "schedule.delete", version: null },
  ]);
});
