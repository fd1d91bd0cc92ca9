/** The flow through machines: what went which way, how long states lasted, what is refused. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { assertProblem, jobIn, testApi } from "../http/support.ts";

const flowSchema = z.object({
  moves: z.array(z.object({
    from: z.string().nullable(),
    event: z.string().nullable(),
    to: z.string(),
    count: z.number(),
    failed: z.number(),
  })),
  dwells: z.array(z.object({ state: z.string(), p50Ms: z.number(), p99Ms: z.number() })),
  stuck: z.array(z.object({ state: z.string(), count: z.number() })),
  buckets: z.array(z.object({ count: z.number(), failed: z.number() })),
});

Deno.test("jobs are counted by the way they went, as the counters are folded", async () => {
  await using api = await testApi({ withUi: true });
  for (const state of ["succeeded", "succeeded", "dead_letter", "scheduled"] as const) {
    await jobIn(api, state);
  }
  await api.db.store.maintain();
  await api.db.store.maintain();
  const { moves, buckets } = flowSchema.parse((await api.get("/machines/job/flow")).body);
  const count = (from: string | null, to: string) =>
    moves.find((move) => move.from === from && move.to === to)?.count ?? 0;
  assertEquals(count("running", "succeeded"), 2);
  assertEquals(count("running", "dead_letter"), 1);
  assertEquals(count(null, "scheduled"), 1);
  const [counts] = [await api.jobs.counts(null)];
  assertEquals(counts.find(({ state }) => state === "succeeded")?.count, 2, "and counted once");
  assertEquals(buckets.reduce((sum, each) => sum + each.count, 0), 3, "three attempts have ended");
  assertEquals(buckets.reduce((sum, each) => sum + each.failed, 0), 1);
});

Deno.test("actors are counted by their steps; who waits longer than usual is stuck", async () => {
  await using api = await testApi({ withUi: true });
  const input = { title: "A trip", approver: "ada" };
  const ids = Array.from({ length: 24 }, (_, n) => `trip-${n}`);
  for (const id of ids) await api.post("/actors", { machine: "approval", id, input });
  await api.post("/actors", { machine: "approval", id: "forgotten", input });
  for (const id of ids) await api.post(`/actors/${id}/events`, { type: "APPROVE", by: "grace" });
  await api.db.sql`update perdura.actor set updated_at = now() - interval '1 hour'
                    where id = 'forgotten'`;
  const { moves, dwells, stuck } = flowSchema.parse(
    (await api.get("/machines/approval/flow?windowMs=86400000")).body,
  );
  const approved = moves.find(({ event }) => event === "APPROVE");
  assertEquals(approved, {
    ...{ from: "pending.waiting", event: "APPROVE", to: "approved" },
    ...{ count: 24, failed: 0 },
  });
  const [dwell] = dwells;
  assert(dwell && dwell.state === "pending.waiting" && dwell.p50Ms <= dwell.p99Ms);
  assertEquals(stuck, [{ state: "pending.waiting", count: 1 }]);
});

Deno.test("a window that is none, or too long, is refused with the wanted form", async () => {
  await using api = await testApi({ withUi: true });
  for (const windowMs of ["x", "-1", "59999", "86400001", "1e6", ""]) {
    assertProblem(await api.get(`/machines/job/flow?windowMs=${windowMs}`), 400, "malformed");
  }
  assertProblem(await api.get("/machines/nobody/flow"), 404, "not_found");
});

Deno.test("a machine has as many states as one can be in: it is none itself", async () => {
  await using api = await testApi({ withUi: true });
  const pageSchema = z.object({ items: z.array(z.object({ id: z.string(), states: z.number() })) });
  const { items } = pageSchema.parse((await api.get("/machines?limit=100")).body);
  assertEquals(items.find(({ id }) => id === "job")?.states, 7);
});
