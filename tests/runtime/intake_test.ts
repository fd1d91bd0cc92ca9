/** What is drained or full takes nothing in, as far as a process can know. */
import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { RateLimitedError } from "../../src/core/errors.ts";
import { NO_LIMITS } from "../../src/core/gate.ts";
import { Intake } from "../../src/runtime/intake.ts";
import { buildJob } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";

Deno.test("the first jobs after a pause are let in by what is set now, all that come at once", async () => {
  await using db = await testDatabase();
  let now = 0;
  const intake = new Intake({ store: db.store, clock: { ...systemClock, monotonic: () => now } });
  const admit = async () => await intake.admit([buildJob()]);
  await admit();
  // By another process, whose hints nobody has to hear.
  const queue = { tenantId: "default", kind: "queue", name: "default" } as const;
  await db.store.gates.setPause(queue, false, true);
  now += 60_000;
  const answers = await Promise.allSettled([admit(), admit(), admit()]);
  assertEquals(answers.map(({ status }) => status), ["rejected", "rejected", "rejected"]);
  await assertRejects(admit, RateLimitedError, "drained");
});

Deno.test("a tenant's backlog holds for all that come at once", async () => {
  await using db = await testDatabase();
  const intake = new Intake({ store: db.store, clock: systemClock });
  const tenant = { tenantId: "default", kind: "tenant", name: "" } as const;
  await db.store.gates.setLimits(tenant, { ...NO_LIMITS, backlog: 3 });
  const answers = await Promise.allSettled(
    Array.from({ length: 8 }, async () => await intake.admit([buildJob()])),
  );
  const refused = answers.filter((answer) => answer.status === "rejected");
  assertEquals(
    refused.map(({ reason }) => reason instanceof RateLimitedError),
    Array(5).fill(true),
  );
});
