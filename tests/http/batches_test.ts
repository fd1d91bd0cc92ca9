/** `/batches`: jobs stored together, counted, and followed by one when all, any or enough are done. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { createRuntime, defineHandler, sensitive } from "perdura";
import { createApp } from "../../src/http/app.ts";
import { gate, square } from "../runtime/actors/squares.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { assertProblem, errorPaths, type Reply } from "./support.ts";

/** Gives back what it was told of the batch before it. */
const after = defineHandler({
  type: "batch.after",
  input: z.strictObject({}),
  handle: (_, { job }) => job.metadata,
});

/** May be a member; what follows would be seen by everybody. */
const secret = defineHandler({
  type: "batch.secret",
  input: z.strictObject({ pin: sensitive(z.string()) }),
  handle: () => null,
});

async function batchesOn(db: TestDatabase, works = true) {
  const runtime = await createRuntime({
    databaseUrl: db.url,
    handlers: [square, after, secret],
    pollMs: 50,
    sweepMs: 500,
  });
  if (works) runtime.work();
  const { actors, jobs } = runtime;
  const app = createApp({ jobs, actors, isWritable: () => db.store.isWritable() });
  const ask = async (method: string, path: string, json?: unknown): Promise<Reply> => {
    const body = json === undefined ? null : JSON.stringify(json);
    const headers: HeadersInit = body === null ? {} : { "content-type": "application/json" };
    const reply = await app.request(path, { method, body, headers });
    return { status: reply.status, headers: reply.headers, body: await reply.json() };
  };
  const over = (id: string) =>
    eventually(`batch ${id} is over`, async () => {
      const { body } = await ask("GET", `/batches/${encodeURIComponent(id)}`);
      return body.state !== "running" && body;
    });
  return {
    ask,
    over,
    jobsLeft: async () => Number((await db.sql`select count(*) as n from perdura.job`)[0]?.n),
    followers: async () => {
      const rows = await db.sql`
        select output from perdura.job_archive where type = 'batch.after' order by id`;
      return rows.map(({ output }) => output.batchOutput);
    },
    [Symbol.asyncDispose]: () => runtime.close(),
  };
}

const jobs = (...all: string[]) => all.map((n) => ({ type: "each.square", payload: { n } }));
const then = { type: "batch.after", metadata: { mine: 1 } };
const nothing = { failed: 0, cancelled: 0, left: 0 };

Deno.test("all have ended, whatever became of them: then the one that follows, once, told what came", async () => {
  await using db = await testDatabase();
  await using w = await batchesOn(db);
  const sent = { id: "a/1", jobs: jobs("1", "bad", "3"), then };
  const begun = await w.ask("POST", "/batches", sent);
  assertEquals([begun.status, begun.headers.get("location")], [201, "/batches/a%2F1"]);
  assertEquals(
    [begun.body.state, begun.body.total, begun.body.finishedAt],
    ["running", 3, null],
  );
  const tally = { ...nothing, total: 3, succeeded: 2, failed: 1, isReached: true };
  const { id, tenantId, state, createdAt, finishedAt, ...counts } = await w.over("a/1");
  assertEquals([id, tenantId, state, counts], ["a/1", "default", "done", tally]);
  assert(String(createdAt) <= String(finishedAt));
  await eventually("what follows has run", async () => (await w.followers()).length === 1);
  assertEquals(await w.followers(), [{ id: "a/1", ...tally }]);
  const [row] = await db.sql`select output from perdura.job_archive where type = 'batch.after'`;
  assertEquals(row?.output.mine, 1);
  const { body } = await w.ask("GET", "/actors/a%2F1/failures");
  assert(Array.isArray(body.items));
  assertEquals(body.items.map(({ error }) => error.message), ["No square of bad"]);
  const { body: dead } = await w.ask("GET", "/dead-letters");
  assert(Array.isArray(dead.items));
  assertEquals(dead.items.map(({ parentId }) => parentId), ["a/1"]);
  // The same once more is this batch; nothing is stored.
  const again = await w.ask("POST", "/batches", sent);
  assertEquals([again.status, again.body.id, again.body.state], [200, "a/1", "done"]);
  const other = await w.ask("POST", "/batches", { ...sent, jobs: jobs("1") });
  assertProblem(other, 409, "idempotency_conflict");
  assertEquals([await w.jobsLeft(), (await w.followers()).length], [0, 1]);
});

Deno.test("any is done, or two are, or one has failed: the others are cancelled, and it follows", async () => {
  await using db = await testDatabase();
  await using w = await batchesOn(db);
  gate.now = Promise.withResolvers();
  const waiting = ["wait 1", "wait 2"];
  const cases = [
    { id: "any", until: "any", jobs: jobs("1", ...waiting), isReached: true },
    { id: "two", until: 2, jobs: jobs("1", "2", ...waiting), isReached: true },
    { id: "stop", onFailure: "stop", jobs: jobs("bad", ...waiting), isReached: false },
  ];
  for (const { isReached, ...each } of cases) {
    assertEquals((await w.ask("POST", "/batches", { ...each, then })).status, 201);
    const over = await w.over(each.id);
    assertEquals([over.state, over.left, over.isReached], ["done", 2, isReached], each.id);
    await eventually("those that waited are cancelled", async () => await w.jobsLeft() === 0);
  }
  assertEquals((await w.followers()).map(({ id, left }) => [id, left]), [
    ["any", 2],
    ["two", 2],
    ["stop", 2],
  ]);
});

Deno.test("a job that an operator cancels has ended too: nobody waits for it", async () => {
  await using db = await testDatabase();
  await using w = await batchesOn(db, false);
  await w.ask("POST", "/batches", { id: "one", jobs: jobs("1", "2") });
  const { body } = await w.ask("GET", "/jobs?type=each.square");
  assert(Array.isArray(body.items));
  for (const { id } of body.items) {
    assertEquals((await w.ask("POST", `/jobs/${id}/cancel`)).status, 200);
  }
  await using _worker = await batchesOn(db);
  const over = await w.over("one");
  const told = [over.state, over.cancelled, over.left, over.isReached];
  assertEquals(told, ["done", 2, 0, true]);
});

Deno.test("more successes are wanted than come: it ends all the same, and says so", async () => {
  await using db = await testDatabase();
  await using w = await batchesOn(db);
  await w.ask("POST", "/batches", { id: "few", until: 2, jobs: jobs("1", "bad") });
  const over = await w.over("few");
  assertEquals([over.state, over.succeeded, over.isReached], ["done", 1, false]);
});

Deno.test("cancelled, its jobs are, and nothing follows; no client can tell it anything else", async () => {
  await using db = await testDatabase();
  await using w = await batchesOn(db);
  gate.now = Promise.withResolvers();
  const { body: { id } } = await w.ask("POST", "/batches", {
    jobs: jobs("wait 1", "wait 2"),
    then,
  });
  for (const type of ["CANCEL", "perdura.ended"]) {
    const status = (await w.ask("POST", `/actors/${id}/events`, { type, done: 2 })).status;
    assert(status === 403 || status === 422, `${type}: ${status}`);
  }
  assertProblem(await w.ask("POST", `/actors/${id}/rewind`, { at: 1 }), 403, "forbidden");
  const { body } = await w.ask("POST", `/batches/${id}/cancel`);
  assertEquals([body.state, body.left, body.isReached], ["cancelled", 2, false]);
  await eventually("its jobs are cancelled", async () => await w.jobsLeft() === 0);
  assertEquals(await w.followers(), []);
  assertProblem(await w.ask("POST", `/batches/${id}/cancel`), 409, "transition_rejected");
});

Deno.test("what is wrong with it is told, and nothing is stored", async () => {
  await using db = await testDatabase();
  await using w = await batchesOn(db, false);
  const [good] = jobs("1");
  const wrong: [object, string[]][] = [
    [{ jobs: [] }, ["jobs"]],
    [{}, ["jobs"]],
    [{ jobs: [good, 7] }, ["jobs.1"]],
    [{ jobs: [good, ...jobs("")], then: { type: "batch.after", x: 1 } }, [
      "jobs.1.payload.n",
      "then.x",
    ]],
    [{ jobs: [{ ...good, idempotencyKey: "k" }] }, ["jobs.0.idempotencyKey"]],
    [{ jobs: [{ ...good, unique: { key: "k" } }] }, ["jobs.0.unique"]],
    [{ jobs: [{ ...good, tenantId: "other" }] }, ["jobs.0.tenantId"]],
    [{ jobs: [good], until: 2 }, ["until"]],
    [{ jobs: [good], until: 0 }, ["until"]],
    [{ jobs: [good], id: "" }, ["id"]],
    [{ jobs: [good], onFailure: "go on" }, ["onFailure"]],
    [{ jobs: [good], more: 1 }, ["more"]],
    [{ jobs: [good], then: { type: "batch.secret", payload: { pin: "1" } } }, ["then.type"]],
  ];
  for (const [body, paths] of wrong) {
    const reply = await w.ask("POST", "/batches", body);
    assertProblem(reply, 422, "invalid_input");
    assertEquals(errorPaths(reply), paths, JSON.stringify(body));
  }
  const unknown = await w.ask("POST", "/batches", { jobs: [good, { type: "nobody" }] });
  assertProblem(unknown, 422, "unknown_type");
  assertProblem(await w.ask("GET", "/batches/nobody"), 404, "not_found");
  assertProblem(await w.ask("POST", "/batches/nobody/cancel"), 404, "not_found");
  const [row] = await db.sql`
    select (select count(*) from perdura.job) + (select count(*) from perdura.actor)
         + (select count(*) from perdura.activity) as n`;
  assertEquals(Number(row?.n), 0);
});

Deno.test("ten thousand jobs are one batch, in one commit", async () => {
  await using db = await testDatabase();
  await using w = await batchesOn(db, false);
  const many = Array.from({ length: 10_000 }, (_, n) => String(n));
  const begun = await w.ask("POST", "/batches", { jobs: jobs(...many) });
  assertEquals([begun.status, begun.body.total, begun.body.left], [201, 10_000, 10_000]);
  const [row] = await db.sql`
    select (select count(*)::int from perdura.job where parent_id is not null) as jobs,
           (select count(*)::int from perdura.activity where is_member) as members`;
  assertEquals([row?.jobs, row?.members], [10_000, 10_000]);
});

Deno.test("sent twice at once it is one batch; of another tenant it is not there", async () => {
  await using db = await testDatabase();
  await using w = await batchesOn(db, false);
  const sent = { id: "once", tenantId: "a", jobs: jobs("1", "2") };
  const replies = await Promise.all([1, 2, 3].map(() => w.ask("POST", "/batches", sent)));
  assertEquals(replies.map(({ status }) => status).toSorted(), [200, 200, 201]);
  assertEquals(await w.jobsLeft(), 2);
  assertEquals((await w.ask("GET", "/batches/once?tenantId=a")).body.total, 2);
  assertProblem(await w.ask("GET", "/batches/once?tenantId=b"), 404, "not_found");
  const theirs = await w.ask("POST", "/batches", { ...sent, tenantId: "b" });
  assertEquals([theirs.status, theirs.body.tenantId], [201, "b"]);
});
