/** The samples: a subscription's year in a moment, a campaign's thousands of jobs. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { fromPromise } from "xstate";
import { createRuntime, defineHandler, defineMachine } from "perdura";
import { campaignMachine } from "../../../machines/campaign.ts";
import { type Charge, subscriptionMachine } from "../../../machines/subscription.ts";
import { campaignActors } from "../../../src/cli/campaign.ts";
import { testDatabase } from "../../support/database.ts";
import { createTestKit } from "../../../src/testing/mod.ts";

const DAY_MS = 24 * 3_600_000;

const charged: string[] = [];
const subscriptions = defineMachine(
  subscriptionMachine.provide({
    actors: {
      charge: fromPromise<string, Charge>(({ input: { key, customer } }) => {
        charged.push(key);
        const isBroke = customer === "broke";
        return isBroke ? Promise.reject(new Error("No money")) : Promise.resolve(key);
      }),
    },
  }),
  { version: "1", unhandled: "reject", actors: { charge: { maxAttempts: 1 } } },
);

Deno.test("subscription: a trial, paid periods, a cancel that waits for what was paid", async () => {
  await using db = await testDatabase();
  await using kit = await createTestKit({ databaseUrl: db.url, machines: [subscriptions] });
  const { actors } = kit.runtime;
  const input = { customer: "ada", plan: "gold" };
  await actors.start({ machine: "subscription", id: "ada", input });
  await kit.untilIdle();
  assertEquals((await actors.get(null, "ada")).state, "trial");
  await kit.advance(14 * DAY_MS);
  assertEquals((await actors.get(null, "ada")).state, "active.renewing");
  for (let month = 0; month < 3; month++) await kit.advance(30 * DAY_MS);
  await actors.send("ada", { type: "CANCEL" });
  await kit.advance(29 * DAY_MS);
  const ending = await actors.get(null, "ada");
  assertEquals([ending.state, ending.tags.toSorted()], ["active.ending", ["ending", "served"]]);
  await kit.advance(DAY_MS);
  const over = await actors.get(null, "ada");
  assertEquals([over.status, over.output], ["done", { paid: 4, end: "cancelled" }]);
  assertEquals(charged.filter((key) => key.startsWith("ada")), [
    "ada:1",
    "ada:2",
    "ada:3",
    "ada:4",
  ]);
});

Deno.test("subscription: what cannot be charged is tried three times, days apart", async () => {
  await using db = await testDatabase();
  await using kit = await createTestKit({ databaseUrl: db.url, machines: [subscriptions] });
  const { actors } = kit.runtime;
  const input = { customer: "broke", plan: "gold" };
  await actors.start({ machine: "subscription", id: "broke", input });
  await kit.advance(14 * DAY_MS);
  assertEquals((await actors.get(null, "broke")).state, "owing");
  await kit.advance(3 * DAY_MS);
  assertEquals((await actors.get(null, "broke")).context, {
    ...input,
    ...{ trialMs: 14 * DAY_MS, periodMs: 30 * DAY_MS, retryMs: 3 * DAY_MS, paid: 0, failures: 2 },
  });
  await kit.advance(3 * DAY_MS);
  assertEquals((await actors.get(null, "broke")).output, { paid: 0, end: "unpaid" });
});

Deno.test("campaign: thousands of jobs through a window, told once at the end", async () => {
  await using db = await testDatabase();
  let most = 0;
  let sent = 0;
  const send = defineHandler({
    type: "campaign.mail",
    input: z.object({ to: z.string(), subject: z.string() }),
    retry: { maxAttempts: 1 },
    handle: ({ to }) => {
      if (to === "r7") throw new Error("No such address");
      sent++;
      return null;
    },
  });
  const campaigns = defineMachine(
    campaignMachine.provide({ actors: campaignActors("campaign.mail") }),
    { version: "1" },
  );
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    handlers: [send],
    machines: [campaigns],
    pollMs: 50,
  });
  runtime.work();
  const recipients = Array.from({ length: 2_000 }, (_, n) => `r${n}`);
  const input = { subject: "News", recipients, window: 500, lookMs: 50 };
  await runtime.actors.start({ machine: "campaign", id: "c", input });
  for (;;) {
    const [row] = await db.sql`
      select (select count(*) from perdura.job where type = 'campaign.mail')::int
           + (select count(*) from perdura.inbox)::int as n`;
    most = Math.max(most, row?.n);
    const over = await runtime.actors.wait(null, "c", "done", { timeoutMs: 20 });
    if (!over) continue;
    assertEquals(over.output, { sent: 1_999, failed: 1, left: 0 });
    break;
  }
  assert(most <= 500, `${most} jobs at once`);
  assertEquals(sent, 1_999);
  // A few turns per window, none per job.
  const { version } = await runtime.actors.get(null, "c");
  assert(version < 1_000, `${version} steps`);
});
