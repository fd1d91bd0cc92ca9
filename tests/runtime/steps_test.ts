/** Steps whose answer was lost. */
import { assertEquals, assertRejects } from "@std/assert";
import { UnavailableError, UnknownResultError } from "../../src/core/errors.ts";
import { StepSaver } from "../../src/runtime/step_saver.ts";
import { Steps } from "../../src/runtime/steps.ts";
import { openStore } from "../../src/store/open.ts";
import { buildJob, claimed, eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { Proxy } from "../support/proxy.ts";

Deno.test("a handler that tries a step again after a lost answer gets what was stored", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const store = openStore({ url: proxy.url });
  try {
    const [job] = await claimed(store, buildJob());
    if (!job) throw new Error("Nothing was claimed");
    const steps = new Steps(job, store, new StepSaver(store));
    let charges = 0;
    const charge = () => steps.run("charge", () => ++charges);
    assertEquals(await steps.run("other", () => "kept"), "kept");
    proxy.mode = "cut_on_reply";
    const lost = assertRejects(charge, UnavailableError);
    await eventually("it is stored", async () => {
      const rows = await db.sql`select from perdura.step where name = 'charge'`;
      return rows.length === 1;
    });
    proxy.mode = "forward";
    await lost;
    assertEquals([await charge(), charges], [1, 1]);
    assertEquals(await steps.run("other", () => "again"), "kept");
  } finally {
    await store.close();
  }
});

Deno.test("what may still come in is not worked for again: behind a pooler its session is not ours to end", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const store = openStore({ url: proxy.url, isPooled: true, connections: 1, deadlineMs: 2_000 });
  try {
    const [job] = await claimed(store, buildJob());
    if (!job) throw new Error("Nothing was claimed");
    const steps = new Steps(job, store, new StepSaver(store));
    let charges = 0;
    const charge = () => steps.run("charge", () => ++charges);
    await steps.run("other", () => "kept");
    proxy.mode = "hold_requests";
    await assertRejects(charge, UnknownResultError);
    proxy.mode = "forward";
    assertEquals([await charge(), charges], [1, 1]);
    const rows = await db.sql`select value from perdura.step where name = 'charge'`;
    assertEquals([...rows], [{ value: 1 }]);
  } finally {
    await store.close();
  }
});
