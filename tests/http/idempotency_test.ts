/** Idempotency keys over HTTP: one key, one job, whoever asks and however often. */
import { assertEquals } from "@std/assert";
import { assertProblem, countJobs, errorPaths, jobIn, testApi, textOf } from "./support.ts";

const job = { type: "debug.noop", payload: { a: 1, b: [2] }, idempotencyKey: "order-1" };

Deno.test("POST /jobs with a known key and the same payload answers 200 with the original", async () => {
  await using api = await testApi();
  const first = await api.post("/jobs", job);
  const again = await api.post("/jobs", { ...job, payload: { b: [2], a: 1 } });
  assertEquals([first.status, again.status], [201, 200]);
  assertEquals(again.body, first.body);
  assertEquals(again.headers.get("location"), first.headers.get("location"));
  assertEquals(again.headers.get("etag"), '"1"');
  assertEquals(again.headers.get("idempotency-payload"), null);
  assertEquals(await countJobs(api), 1);
});

Deno.test("POST /jobs with a known key and another payload answers 200 and says so", async () => {
  await using api = await testApi();
  const first = await api.post("/jobs", job);
  for (const other of [{ payload: { a: 2 } }, { type: "debug.fail", payload: {} }]) {
    const again = await api.post("/jobs", { ...job, ...other });
    assertEquals([again.status, again.body.id], [200, first.body.id]);
    assertEquals(again.body.payload, job.payload);
    assertEquals(again.headers.get("idempotency-payload"), "differs");
  }
});

Deno.test("POST /jobs with a strict key refuses another payload, and names the job", async () => {
  await using api = await testApi();
  const strict = { ...job, idempotency: "strict" };
  const first = await api.post("/jobs", strict);
  const same = await api.post("/jobs", strict);
  assertEquals([first.status, same.status, same.body.id], [201, 200, first.body.id]);
  const other = await api.post("/jobs", { ...strict, payload: {} });
  assertProblem(other, 409, "idempotency_conflict");
  assertEquals(other.body.existing, first.body.id);
  assertEquals(await countJobs(api), 1);
});

Deno.test("POST /jobs gives the job of a key also after it has ended", async () => {
  await using api = await testApi();
  for (const state of ["succeeded", "dead_letter", "cancelled"] as const) {
    const keyed = { ...job, idempotencyKey: state };
    const id = await jobIn(api, state, keyed);
    const again = await api.post("/jobs", keyed);
    assertEquals([again.status, again.body.id, again.body.state], [200, id, state]);
  }
});

Deno.test("POST /jobs keeps the keys of tenants apart", async () => {
  await using api = await testApi();
  const one = await api.post("/jobs", { ...job, tenantId: "one" });
  const two = await api.post("/jobs", { ...job, tenantId: "two" });
  assertEquals([one.status, two.status], [201, 201]);
  assertEquals((await api.post("/jobs?tenantId=one", job)).body.id, one.body.id);
  assertEquals((await api.post("/jobs?tenantId=two", job)).body.id, two.body.id);
});

Deno.test("POST /jobs by a hundred at once with one key makes one job", async () => {
  await using api = await testApi();
  const replies = await Promise.all(Array.from({ length: 100 }, () => api.post("/jobs", job)));
  assertEquals(new Set(replies.map(({ body }) => body.id)).size, 1);
  const statuses = replies.map(({ status }) => status).sort();
  assertEquals(statuses, [...Array(99).fill(200), 201]);
  assertEquals(await countJobs(api), 1);
});

const bare = { type: "debug.noop", payload: { a: 1 } };

Deno.test("the header Idempotency-Key is the key of a body without one, bare or in quotes", async () => {
  await using api = await testApi();
  const first = await api.post("/jobs", bare, { "idempotency-key": "order-7" });
  assertEquals([first.status, first.body.idempotencyKey], [201, "order-7"]);
  const again = [
    await api.post("/jobs", bare, { "idempotency-key": '"order-7"' }),
    await api.post("/jobs", { ...bare, idempotencyKey: "order-7" }),
    await api.post("/jobs", { ...bare, idempotencyKey: "order-7" }, {
      "idempotency-key": "order-7",
    }),
    await api.post("/jobs", { ...bare, idempotencyKey: null }, { "idempotency-key": "order-7" }),
    await api.post("/types/debug.noop/jobs", { payload: { a: 1 } }, {
      "idempotency-key": "order-7",
    }),
  ];
  for (const { status, body } of again) assertEquals([status, body.id], [200, first.body.id]);
  const other = await api.post("/jobs", bare, { "idempotency-key": '"a \\"b\\""' });
  assertEquals([other.status, other.body.idempotencyKey], [201, 'a "b"']);
  assertEquals(await countJobs(api), 2);
});

Deno.test("a dry run of REQUEUE answers as the event does: also where another job has the key by now", async () => {
  await using api = await testApi();
  const requeue = async (id: string) => {
    const ways = [`/jobs/${id}/events?dryRun=true`, `/jobs/${id}/events`];
    const replies = [];
    for (const way of ways) replies.push(await api.post(way, { type: "REQUEUE" }));
    return replies.map(({ status, body }) => [status, body.state ?? body.detail, body.existing]);
  };
  const unique = { type: "debug.noop", unique: { key: "u" } };
  const keyed = { type: "debug.noop", idempotencyKey: "k" };
  for (const asked of [unique, keyed]) {
    const first = textOf((await api.post("/jobs", asked)).body.id);
    await api.post(`/jobs/${first}/cancel`, {});
    await api.db.sql`update perdura.unique_key set expires_at = now() - interval '1 second'`;
    const second = textOf((await api.post("/jobs", asked)).body.id);
    const [foreseen, real] = await requeue(first);
    assertEquals(foreseen, real);
    assertEquals([real?.[0], real?.[2]], [409, second]);
    await api.post(`/jobs/${second}/cancel`, {});
    await api.db.sql`update perdura.unique_key set expires_at = now() - interval '1 second'`;
    const own = [200, "pending", undefined];
    assertEquals(await requeue(first), [own, [...own]]);
  }
});

Deno.test("an Idempotency-Key that differs from the body's, cannot be one, or is a batch's stores nothing", async () => {
  await using api = await testApi();
  const differs = await api.post("/jobs", job, { "idempotency-key": "order-2" });
  assertProblem(differs, 422, "invalid_input");
  assertEquals(errorPaths(differs), ["idempotencyKey"]);
  const unique = { ...bare, unique: { key: "one" } };
  assertProblem(
    await api.post("/jobs", unique, { "idempotency-key": "order-2" }),
    422,
    "invalid_input",
  );
  for (const key of ["", '""', "x".repeat(2_000), "zoë", '"a\\b"', '"a', '"a"b"', '"a\\"']) {
    assertProblem(await api.post("/jobs", bare, { "idempotency-key": key }), 400, "malformed");
  }
  const batch = await api.post("/jobs/batch", { jobs: [bare] }, { "idempotency-key": "order-2" });
  assertProblem(batch, 400, "malformed");
  assertEquals(await countJobs(api), 0);
});
