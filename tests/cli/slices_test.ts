/** What the first slice of a process does that a worker does when it starts. */
import { assertEquals } from "@std/assert";
import { readSettings } from "../../src/cli/settings.ts";
import { slicesOf } from "../../src/cli/worker.ts";
import { testDatabase } from "../support/database.ts";

const DAY_MS = 24 * 3_600_000;

Deno.test("an API that is driven, with no worker beside it, declares the retention of its settings", async () => {
  await using db = await testDatabase();
  const settings = readSettings({ DATABASE_URL: db.url, RETAIN_SUCCEEDED_DAYS: "30" });
  const drive = slicesOf(settings, db.store, false);
  await drive({ budgetMs: 1_000 });
  const declared = async () =>
    (await db.store.retention.list(null)).map(({ state, maxAgeMs, isDeclared }) => [
      ...[state, maxAgeMs, isDeclared],
    ]);
  assertEquals(await declared(), [["succeeded", 30 * DAY_MS, true]]);
  // What an operator says afterwards stays.
  const [policy] = await db.store.retention.list(null);
  await db.store.retention.set({ ...policy!, maxAgeMs: DAY_MS, isDeclared: false });
  await drive({ budgetMs: 1_000 });
  assertEquals(await declared(), [["succeeded", DAY_MS, false]]);
});
