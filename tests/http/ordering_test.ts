/** Ordering keys over HTTP: what is taken and refused, what blocks, how it goes on, what explains it. */
import { assertEquals } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { testWorker } from "../support/worker.ts";
import { type Api, assertProblem, errorPaths, itemsOf, testApi } from "./support.ts";

function post(api: Api, path: string, json: unknown = undefined) {
  return api.request("POST", path, json === undefined ? {} : { json });
}

const fail = (orderingKey: string, more = {}) => ({
  type: "debug.fail",
  payload: { times: 99 },
  maxAttempts: 1,
  orderingKey,
  ...more,
});

Deno.test("a key that a dead letter blocks is listed, explained, and goes on when it is unblocked", async () => {
  await using api = await testApi();
  const { body: { ids } } = await post(api, "/jobs/batch", {
    jobs: [fail("orders/1"), { type: "debug.noop", orderingKey: "orders/1" }],
  });
  const [first, second] = ids as string[];
  assertEquals((await api.get(`/jobs/${second}`)).body.orderingKey, "orders/1");
  const waiting = (await api.get(`/jobs/${second}/explain`)).body.reasons as {
    code: string;
    message: string;
  }[];
  assertEquals(waiting[0]?.code, "ordering_key_blocked");
  assertEquals(waiting[0]?.message.includes(`blocked by job ${first}`), true);
  await using w = testWorker(api.db, debugHandlers);
  await w.reach(first!, "dead_letter");
  const [blocked] = itemsOf(await api.get("/ordering-keys"));
  assertEquals([blocked?.key, blocked?.jobId, blocked?.waiting], ["orders/1", first, 1]);
  assertEquals(itemsOf(await api.get("/ordering-keys?tenantId=other")), []);
  const path = "/ordering-keys/orders%2F1/unblock";
  assertEquals((await post(api, path)).body, { key: "orders/1", jobId: first });
  await w.reach(second!, "succeeded");
  assertProblem(await post(api, path), 404, "not_found");
});

Deno.test("a dead letter that makes way blocks nothing", async () => {
  await using api = await testApi();
  await using w = testWorker(api.db, debugHandlers);
  const dead = await post(api, "/jobs", fail("k", { onDead: "skip" }));
  const next = await post(api, "/jobs", { type: "debug.noop", orderingKey: "k" });
  await w.reach(String(next.body.id), "succeeded");
  assertEquals((await api.get(`/jobs/${dead.body.id}`)).body.state, "dead_letter");
  assertEquals(itemsOf(await api.get("/ordering-keys")), []);
});

Deno.test("odd ordering keys and limit keys are refused, and nothing is stored", async () => {
  await using api = await testApi();
  const wrong: [string, unknown][] = [
    ["orderingKey", { orderingKey: "" }],
    ["orderingKey", { orderingKey: "a b" }],
    ["orderingKey", { orderingKey: "x".repeat(129) }],
    ["orderingKey", { orderingKey: 1 }],
    ["onDead", { onDead: "skip" }],
    ["onDead", { orderingKey: "k", onDead: "wait" }],
    ["limitKey", { limitKey: "" }],
    ["limitKey", { limitKey: [] }],
  ];
  for (const [field, more] of wrong) {
    const answer = await post(api, "/jobs", { type: "debug.noop", ...more as object });
    assertProblem(answer, 422, "invalid_input");
    assertEquals(errorPaths(answer), [field]);
  }
  const job = { type: "debug.noop", orderingKey: "k" };
  const batch = await post(api, "/jobs/batch", { jobs: [job, { ...job, orderingKey: "/" }] });
  assertEquals([batch.status, errorPaths(batch)], [422, ["jobs.1.orderingKey"]]);
  assertEquals((await api.db.sql`select from perdura.job`).length, 0);
  assertEquals((await api.db.sql`select from perdura.ordering_key`).length, 0);
});
