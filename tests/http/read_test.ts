/** Reading: one job, its history in pages, the counts. */
import { assert, assertEquals } from "@std/assert";
import { JOB_STATES } from "../../machines/job.ts";
import { assertProblem, countJobs, itemsOf, jobIn, testApi, textOf } from "./support.ts";

const NOBODY = "01890000-0000-7000-8000-000000000000";

Deno.test("GET /jobs/{id} answers with the job, whatever the case of its id", async () => {
  await using api = await testApi();
  const { body } = await api.post("/jobs", { type: "debug.noop", payload: [1] });
  const reply = await api.get(`/jobs/${textOf(body.id).toUpperCase()}`);
  assertEquals([reply.status, reply.headers.get("etag")], [200, '"1"']);
  assertEquals(reply.body, body);
});

Deno.test("HEAD /jobs/{id} says whether there is one, without a body", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const there = await api.request("HEAD", `/jobs/${id}`);
  assertEquals([there.status, there.body, there.headers.get("etag")], [200, {}, '"1"']);
  assertEquals((await api.request("HEAD", `/jobs/${NOBODY}`)).status, 404);
});

Deno.test("GET /jobs/{id} shows every state with the instants that belong to it", async () => {
  await using api = await testApi();
  for (const state of JOB_STATES) {
    const { body } = await api.get(`/jobs/${await jobIn(api, state)}`);
    const isEnded = ["succeeded", "dead_letter", "cancelled"].includes(state);
    const hasRun = ["running", "retry", "succeeded", "dead_letter"].includes(state);
    assertEquals(body.finishedAt !== null, isEnded, `${state}: finishedAt`);
    assertEquals(body.startedAt !== null, hasRun, `${state}: startedAt`);
    assertEquals(body.attempt, hasRun ? 1 : 0, `${state}: attempt`);
    assertEquals(body.leaseUntil !== null, state === "running", `${state}: leaseUntil`);
    assertEquals(body.leaseOwner !== null, state === "running", `${state}: leaseOwner`);
  }
});

Deno.test("the routes of one job answer 404 for no job, and for another tenant's", async () => {
  await using api = await testApi();
  const { body } = await api.post("/jobs", { type: "debug.noop", tenantId: "acme" });
  for (const place of [`/jobs/${NOBODY}`, `/jobs/${body.id}`]) {
    const query = place.includes(NOBODY) ? "" : "?tenantId=umbrella";
    for (
      const reply of [
        await api.get(`${place}${query}`),
        await api.get(`${place}/transitions${query}`),
        await api.post(`${place}/events${query}`, { type: "CANCEL" }),
        await api.post(`${place}/events${query}`, { type: "CLAIM" }),
      ]
    ) assertProblem(reply, 404, "not_found");
  }
  assertEquals((await api.get(`/jobs/${body.id}?tenantId=acme`)).body, body);
});

Deno.test("GET /jobs/{id}/transitions tells the life of a job from its creation", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "succeeded");
  const reply = await api.get(`/jobs/${id}/transitions`);
  assertEquals(reply.body.nextCursor, null);
  const rows = itemsOf(reply).map(({ version, from, event, to, attempt }) => {
    return [version, from, event, to, attempt];
  });
  assertEquals(rows, [
    [1, null, "ENQUEUE", "pending", 0],
    [2, "pending", "CLAIM", "running", 1],
    [3, "running", "SUCCEED", "succeeded", 1],
  ]);
  for (const item of itemsOf(reply)) {
    assertEquals(Object.keys(item).sort(), [
      "at",
      "attempt",
      "cause",
      "event",
      "from",
      "to",
      "version",
      "worker",
    ]);
    assert(!Number.isNaN(Date.parse(textOf(item.at))));
  }
});

Deno.test("GET /jobs/{id}/transitions pages by a cursor, each row once, until there is no more", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "scheduled");
  for (let n = 0; n < 5; n++) {
    await api.post(`/jobs/${id}/events`, { type: "SCHEDULE", delayMs: 60_000 + n });
  }
  const all = itemsOf(await api.get(`/jobs/${id}/transitions`));
  assertEquals(all.map(({ version }) => version), [1, 2, 3, 4, 5, 6, 7]);
  for (const limit of [1, 2, 3, 7, 1000]) {
    const seen: unknown[] = [];
    let cursor: unknown = "0";
    while (cursor !== null) {
      const page = await api.get(`/jobs/${id}/transitions?limit=${limit}&cursor=${cursor}`);
      assert(itemsOf(page).length <= limit);
      seen.push(...itemsOf(page));
      cursor = page.body.nextCursor;
    }
    assertEquals(seen, all, `pages of ${limit}`);
  }
  // The newest ones, and nothing after them, however many there are.
  for (const last of [1, 3, 7, 1000]) {
    const { body } = await api.get(`/jobs/${id}/transitions?last=${last}`);
    assertEquals(body, { items: all.slice(-last), nextCursor: null });
  }
});

Deno.test("GET /jobs/{id}/transitions answers 400 to a page that cannot be", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const limits = ["0", "1001", "x", "-1", "1.5", "", "1e2"].map((limit) => `limit=${limit}`);
  const cursors = ["x", "-1", "99999999999"].map((cursor) => `cursor=${cursor}`);
  const lasts = ["last=0", "last=1001", "last=x", "last=1&cursor=0", "last=1&limit=1"];
  for (const query of [...limits, ...cursors, ...lasts]) {
    assertProblem(await api.get(`/jobs/${id}/transitions?${query}`), 400, "malformed");
  }
});

Deno.test("GET /admin/metrics counts every job once, in its state and its queue", async () => {
  await using api = await testApi();
  const none = Object.fromEntries(JOB_STATES.map((state) => [state, 0]));
  assertEquals((await api.get("/admin/metrics")).body, { states: none, queues: {} });
  const queues = JOB_STATES.map((_, n) => n % 2 ? "odd" : "even");
  // A pending job comes last: it would be claimed with the next one that runs.
  for (const [n, state] of [...JOB_STATES.entries()].reverse()) {
    await jobIn(api, state, { queue: queues[n] });
  }
  const { body } = await api.get("/admin/metrics");
  assertEquals(body.states, Object.fromEntries(JOB_STATES.map((state) => [state, 1])));
  const inQueue = (queue: string) =>
    Object.fromEntries(JOB_STATES.map((state, n) => [state, queues[n] === queue ? 1 : 0]));
  assertEquals(body.queues, { even: inQueue("even"), odd: inQueue("odd") });
  await api.db.store.maintain();
  assertEquals((await api.get("/admin/metrics")).body, body, "folded counters count the same");
});

Deno.test("GET /admin/metrics counts a queue whatever it is called", async () => {
  await using api = await testApi();
  for (const queue of ["constructor", "__proto__"]) await jobIn(api, "pending", { queue });
  const { queues } = (await api.get("/admin/metrics")).body;
  const counted = Object.entries(Object(queues)).map(([name, of]) => [name, Object(of).pending]);
  assertEquals(counted.toSorted(), [["__proto__", 1], ["constructor", 1]]);
  assertEquals(Object.keys(Object), []);
});

Deno.test("GET /admin/metrics loses and invents no job while events come from all sides", async () => {
  await using api = await testApi();
  const jobs = Array.from({ length: 40 }, () => ({ type: "debug.noop" }));
  const { body } = await api.post("/jobs/batch", { jobs });
  assert(Array.isArray(body.ids));
  const events = [
    { type: "CANCEL" },
    { type: "SCHEDULE", delayMs: 60_000 },
    { type: "REQUEUE" },
    { type: "RETRY_NOW" },
  ];
  await Promise.all(
    body.ids.flatMap((id) => events.map((event) => api.post(`/jobs/${id}/events`, event))),
  );
  assertEquals(await countJobs(api), 40);
  const states = await Promise.all(body.ids.map(async (id) => {
    return (await api.get(`/jobs/${id}`)).body.state;
  }));
  const counted = Object.fromEntries(JOB_STATES.map((state) => {
    return [state, states.filter((s) => s === state).length];
  }));
  assertEquals((await api.get("/admin/metrics")).body.states, counted);
});

Deno.test("GET /admin/metrics counts one tenant when asked for one", async () => {
  await using api = await testApi();
  await api.post("/jobs", { type: "debug.noop", tenantId: "acme" });
  await api.post("/jobs", { type: "debug.noop" });
  assertEquals(await countJobs(api), 2);
  const { body } = await api.get("/admin/metrics?tenantId=acme");
  assertEquals(Object.keys(Object(body.queues)), ["default"]);
  assertEquals(Object(body.states).pending, 1);
});
