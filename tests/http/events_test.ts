/** `POST /jobs/{id}/events`: what each event does to a job in each state, and what it says when not. */
import { assert, assertEquals } from "@std/assert";
import { JOB_STATES, type JobState } from "../../machines/job.ts";
import { changeFor, claimAll } from "../support/build.ts";
import { type Api, assertProblem, itemsOf, jobIn, testApi, textOf } from "./support.ts";

const AN_HOUR = { delayMs: 3_600_000 };

/** Event types that clients may send in a state, as `accepts` lists them. */
const accepted: Readonly<Record<JobState, readonly string[]>> = {
  pending: ["SCHEDULE", "CANCEL"],
  scheduled: ["SCHEDULE", "CANCEL", "RETRY_NOW"],
  running: ["CANCEL"],
  retry: ["SCHEDULE", "CANCEL", "RETRY_NOW"],
  succeeded: [],
  dead_letter: ["REQUEUE"],
  cancelled: ["REQUEUE"],
};

/** Where an accepted event leads. A running job is only asked to stop. */
const leadsTo = {
  SCHEDULE: "scheduled",
  CANCEL: "cancelled",
  REQUEUE: "pending",
  RETRY_NOW: "pending",
} as const;

const operators = Object.keys(leadsTo);
const workers = ["CLAIM", "SUCCEED", "FAIL", "SNOOZE", "INTERRUPTED", "LEASE_EXPIRED", "ENQUEUE"];

/** Events of workers and sweepers that the machine takes in a state. */
function takenFromWorkers(state: JobState): readonly string[] {
  if (state === "running") return ["SUCCEED", "FAIL", "SNOOZE", "INTERRUPTED", "LEASE_EXPIRED"];
  return ["pending", "scheduled", "retry"].includes(state) ? ["CLAIM"] : [];
}

function send(api: Api, id: string, event: object, headers: Record<string, string> = {}) {
  return api.post(`/jobs/${id}/events`, event, headers);
}

function eventOf(type: string) {
  return type === "SCHEDULE" ? { type, ...AN_HOUR } : { type };
}

for (const state of JOB_STATES) {
  Deno.test(`a ${state} job takes the events that it accepts, each a new version`, async () => {
    await using api = await testApi();
    for (const [type, to] of Object.entries(leadsTo)) {
      if (state === "running" || !accepted[state].includes(type)) continue;
      const id = await jobIn(api, state);
      const before = (await api.get(`/jobs/${id}`)).body;
      assertEquals(before.accepts, accepted[state]);
      const { status, headers, body } = await send(api, id, eventOf(type));
      assertEquals([status, body.state, body.version], [200, to, Number(before.version) + 1]);
      assertEquals(headers.get("etag"), `"${body.version}"`);
      assertEquals(body.accepts, accepted[to]);
      assertEquals((await api.get(`/jobs/${id}`)).body, body);
      const { from, event, cause } = itemsOf(await api.get(`/jobs/${id}/transitions`)).at(-1) ?? {};
      assertEquals([from, event, cause], [state, type, "api"]);
    }
  });

  Deno.test(`a ${state} job refuses every other event with what it accepts`, async () => {
    await using api = await testApi();
    const id = await jobIn(api, state);
    const before = (await api.get(`/jobs/${id}`)).body;
    for (const event of operators.filter((type) => !accepted[state].includes(type))) {
      const reply = await send(api, id, eventOf(event));
      assertProblem(reply, 409, "transition_rejected");
      const { version, accepts } = reply.body;
      assertEquals([reply.body.state, version, reply.body.event, accepts], [
        state,
        before.version,
        event,
        accepted[state],
      ]);
    }
    assertEquals((await api.get(`/jobs/${id}`)).body, before);
  });

  Deno.test(`a ${state} job keeps workers' events from clients: 403, or 409 where nobody may`, async () => {
    await using api = await testApi();
    const id = await jobIn(api, state);
    const before = (await api.get(`/jobs/${id}`)).body;
    for (const event of workers) {
      const reply = await send(api, id, { type: event, output: 1, delayMs: 1, error: {} });
      if (takenFromWorkers(state).includes(event)) {
        assertProblem(reply, 403, "forbidden");
      } else {
        assertProblem(reply, 409, "transition_rejected");
        assertEquals([reply.body.event, reply.body.accepts], [event, accepted[state]]);
      }
    }
    assertEquals((await api.get(`/jobs/${id}`)).body, before);
  });
}

Deno.test("CANCEL ends a waiting job, with its reason in the history", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "retry");
  const { status, body } = await send(api, id, { type: "CANCEL", reason: "not needed, Größe 😀" });
  assertEquals([status, body.state], [200, "cancelled"]);
  assertEquals(Object(body.lastError).message, "Cancelled by user");
  assert(body.finishedAt !== null);
  const last = itemsOf(await api.get(`/jobs/${id}/transitions`)).at(-1);
  assertEquals(last?.cause, "not needed, Größe 😀");
});

Deno.test("CANCEL of a running job answers 202 and asks its handler, without a new version", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "running");
  const before = (await api.get(`/jobs/${id}`)).body;
  const asked = await send(api, id, { type: "CANCEL" });
  const { cancelRequestedAt, ...rest } = asked.body;
  assertEquals(asked.status, 202);
  assert(!Number.isNaN(Date.parse(textOf(cancelRequestedAt))));
  assertEquals({ ...rest, cancelRequestedAt: null }, before);
  const again = await send(api, id, { type: "CANCEL" });
  assertEquals([again.status, again.body], [202, asked.body]);
  assertEquals(itemsOf(await api.get(`/jobs/${id}/transitions`)).length, 2);
});

Deno.test("SCHEDULE moves the due time to a delay or an instant, and the past is now", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const far = await send(api, id, { type: "SCHEDULE", runAt: "2999-01-01T00:00:00.5+01:00" });
  assertEquals([far.status, far.body.runAt], [200, "2998-12-31T23:00:00.500Z"]);
  const near = await send(api, id, { type: "SCHEDULE", delayMs: 60_000 });
  assert(textOf(near.body.runAt) < "2999" && textOf(near.body.runAt) > textOf(near.body.createdAt));
  for (const runAt of ["2001-01-01T00:00:00Z", "0000-01-01T00:00:00+23:59"]) {
    const past = await send(api, id, { type: "SCHEDULE", runAt });
    assertEquals([past.status, past.body.state], [200, "scheduled"]);
    assert(textOf(past.body.runAt) >= textOf(past.body.createdAt), "the past means now");
  }
  assertEquals((await claimAll(api.db.store, 1)).map((job) => job.id), [id]);
});

Deno.test("RETRY_NOW makes a waiting job due", async () => {
  await using api = await testApi();
  for (const state of ["scheduled", "retry"] as const) {
    const id = await jobIn(api, state);
    const { status } = await send(api, id, { type: "RETRY_NOW" });
    assertEquals(status, 200);
    assertEquals((await claimAll(api.db.store, 1)).map((job) => job.id), [id]);
  }
});

Deno.test("REQUEUE begins a new epoch: attempt and crashes 0, the version goes on", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending", { maxCrashes: 1, payload: "x".repeat(5000) });
  const [claimed] = await claimAll(api.db.store, 1);
  assert(claimed);
  await api.db.store.commit(null, [changeFor(claimed, { type: "LEASE_EXPIRED" })]);
  const dead = (await api.get(`/jobs/${id}`)).body;
  assertEquals([dead.state, dead.version, dead.crashes], ["dead_letter", 3, 1]);
  const { status, body } = await send(api, id, { type: "REQUEUE" });
  assertEquals([status, body.state, body.version], [200, "pending", 4]);
  assertEquals([body.attempt, body.crashes, body.finishedAt], [0, 0, null]);
  assertEquals([body.payload, body.createdAt], [dead.payload, dead.createdAt]);
  const [again] = await claimAll(api.db.store, 1);
  assert(again);
  assertEquals([again.id, again.attempt, again.version], [id, 1, 5]);
  await api.db.store.commit(null, [changeFor(again, { type: "SUCCEED" })]);
  const rows = itemsOf(await api.get(`/jobs/${id}/transitions`));
  assertEquals(rows.map(({ version }) => version), [1, 2, 3, 4, 5, 6]);
  assertEquals((await api.get(`/jobs/${id}`)).body.state, "succeeded");
});

Deno.test("REQUEUE forgets the cancel request that ended the job", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "running");
  await send(api, id, { type: "CANCEL" });
  const job = await api.db.store.get(null, id);
  const [row] = await api.db.sql`select lease_id from perdura.job where id = ${id}`;
  assert(job && row);
  const createdAt = new Date(job.createdAt);
  const claimed = { ...job, leaseId: row.lease_id, lane: "0", createdAt, holdsSlots: false };
  await api.db.store.commit(null, [changeFor(claimed, { type: "CANCEL" })]);
  assertEquals((await api.get(`/jobs/${id}`)).body.state, "cancelled");
  const { status, body } = await send(api, id, { type: "REQUEUE" });
  assertEquals([status, body.state, body.cancelRequestedAt], [200, "pending", null]);
});

Deno.test("REQUEUE keeps the job's own key, and answers 409 when another job holds it", async () => {
  await using api = await testApi();
  const keyed = { type: "debug.noop", idempotencyKey: "k" };
  const id = await jobIn(api, "cancelled", keyed);
  assertEquals((await send(api, id, { type: "REQUEUE" })).status, 200);
  assertEquals((await api.post("/jobs", keyed)).body.id, id);
  await send(api, id, { type: "CANCEL" });
  await api.db.sql`update perdura.unique_key set expires_at = now() - interval '1 second'`;
  const holder = await api.post("/jobs", keyed);
  assertEquals(holder.status, 201);
  const before = (await api.get(`/jobs/${id}`)).body;
  const reply = await send(api, id, { type: "REQUEUE" });
  assertProblem(reply, 409, "idempotency_conflict");
  assertEquals(reply.body.existing, holder.body.id);
  assertEquals((await api.get(`/jobs/${id}`)).body, before);
});

Deno.test("If-Match sends an event only at that version: 412 with both otherwise", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const event = { type: "SCHEDULE", ...AN_HOUR };
  const stale = await send(api, id, event, { "if-match": '"7"' });
  assertProblem({ ...stale, body: { ...stale.body, status: 412 } }, 412, "version_conflict");
  assertEquals([stale.body.status, stale.body.expected, stale.body.actual], [412, 7, 1]);
  const right = await send(api, id, event, { "if-match": '"1"' });
  assertEquals([right.status, right.body.version], [200, 2]);
  const again = await send(api, id, event, { "if-match": '"1"' });
  assertEquals([again.status, again.body.expected, again.body.actual], [412, 1, 2]);
  assertEquals((await send(api, id, event, { "if-match": "*" })).status, 200);
  for (const given of ["1", "x", 'W/"1"', '"1", "2"', '""']) {
    assertProblem(await send(api, id, event, { "if-match": given }), 400, "malformed");
  }
  assertEquals((await api.get(`/jobs/${id}`)).body.version, 3);
});

Deno.test("of many events with one If-Match one is committed", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "scheduled");
  const replies = await Promise.all(
    Array.from(
      { length: 20 },
      () => send(api, id, { type: "SCHEDULE", ...AN_HOUR }, { "if-match": '"2"' }),
    ),
  );
  assertEquals(replies.map(({ status }) => status).sort(), [200, ...Array(19).fill(412)]);
  assertEquals((await api.get(`/jobs/${id}`)).body.version, 3);
});

Deno.test("of many cancels one is committed, and the others hear that it is over", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const replies = await Promise.all(
    Array.from({ length: 20 }, () => send(api, id, { type: "CANCEL" })),
  );
  assertEquals(replies.map(({ status }) => status).sort(), [200, ...Array(19).fill(409)]);
  assertEquals(itemsOf(await api.get(`/jobs/${id}/transitions`)).length, 2);
});
