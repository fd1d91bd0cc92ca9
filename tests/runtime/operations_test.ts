/** Operations turn by turn: what moves on in between, and what is carried out before its turn. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { LeaseLostError, UnavailableError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/id.ts";
import type { OperationAction } from "../../src/core/operation.ts";
import { Desk } from "../../src/runtime/actor_desk.ts";
import { sendEvent } from "../../src/runtime/actor_sending.ts";
import { seatOf } from "../../src/runtime/actor_starting.ts";
import { applyAhead } from "../../src/runtime/operation_parts.ts";
import { operations as operationMachine } from "../../src/runtime/own_machines.ts";
import type { ActorName, NewOperation } from "../../src/store/store.ts";
import { type Api, assertProblem, itemsOf, jobIn, testApi } from "../http/support.ts";
import { changeFor, claimAll, eventually } from "../support/build.ts";
import { hold, untilBlocked } from "../support/locks.ts";

/** An operation over jobs, one in a part: the first is done, and nobody goes on but the test. */
async function begun(api: Api, ids: readonly string[], action: OperationAction = "requeue") {
  const { store } = api.db;
  const desk = new Desk(api.turner.host, api.turner, true);
  const name: ActorName = { tenantId: "default", id: newId() };
  const operation: NewOperation = {
    ...name,
    action,
    filter: { ids },
    rate: null,
    runAt: null,
    cause: `operation ${name.id}`,
    requestedBy: null,
    partJobs: 1,
  };
  const nothing = { type: null, queue: null, from: null, to: null, fingerprint: null, terms: [] };
  await api.turner.transactions.begin(name.tenantId, async (send) => {
    const selection = { ...nothing, tenantId: null, ids, states: ["dead_letter"] as const };
    const { parts } = await store.operations.freeze(send, selection, operation);
    const input = { parts, restMs: 0 };
    const seat = seatOf(name.tenantId, name.id, operationMachine.identity);
    const turning = desk.turning(seat, { input, origin: null });
    turning.begin(input, "client");
    return turning;
  });
  const finish = () =>
    eventually("the operation ends", async () => {
      await desk.turnInline(name);
      const { body } = await api.get(`/operations/${name.id}`);
      if (body.state === "failed") await api.request("POST", `/operations/${name.id}/resume`);
      return body.state === "done" && body;
    });
  return { name, desk, finish };
}

async function outcomes(api: Api, { id }: ActorName) {
  const items = itemsOf(await api.get(`/operations/${id}/items`));
  return items.map(({ jobId, outcome }) => [jobId, outcome]);
}

/** Brought back by hand, and failed again: the same state, another failure. */
async function failAgain(api: Api, id: string): Promise<void> {
  assertEquals((await api.request("POST", `/admin/requeue-deadletter/${id}`)).status, 200);
  const job = (await claimAll(api.db.store, 1000)).find((each) => each.id === id);
  assert(job, "the job was not claimed");
  const event = { type: "FAIL", retryable: false, when: { delayMs: 0 } } as const;
  assertEquals(await api.db.store.commit(null, [changeFor(job, event)]), []);
}

for (const action of ["requeue", "retry", "delete"] as const) {
  Deno.test(`${action} leaves a job alone that has moved on since it was chosen`, async () => {
    await using api = await testApi();
    const first = await jobIn(api, "dead_letter");
    const plain = await jobIn(api, "dead_letter");
    const keyed = await jobIn(api, "dead_letter", { idempotencyKey: "k" });
    const last = await jobIn(api, "dead_letter");
    const { name, finish } = await begun(api, [first, plain, keyed, last], action);
    const look = () =>
      Promise.all([plain, keyed].map(async (id) => (await api.get(`/jobs/${id}`)).body));
    for (const id of [plain, keyed]) await failAgain(api, id);
    const before = await look();
    const done = await finish();
    assertEquals([done.matched, done.done, done.skipped], [4, 2, 2]);
    assertEquals(await outcomes(api, name), [
      [first, "done"],
      [plain, "moved"],
      [keyed, "moved"],
      [last, "done"],
    ]);
    assertEquals(await look(), before);
    assertEquals(before.map(({ state }) => state), ["dead_letter", "dead_letter"]);
  });
}

async function three(api: Api): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.push(await jobIn(api, "dead_letter"));
  return ids;
}

async function timesRequeued(api: Api, id: string) {
  const past = itemsOf(await api.get(`/jobs/${id}/transitions`));
  return past.filter(({ event }) => event === "REQUEUE").length;
}

Deno.test("mail of a part's transaction is told of as old: it is due since that has begun", async () => {
  await using api = await testApi();
  const told: boolean[] = [];
  const stop = await api.db.store.onHint((hint) => {
    if (hint?.kind === "mail") told.push(hint.isOld);
  });
  const { finish } = await begun(api, await three(api));
  await finish();
  await stop();
  assert(told.length >= 3);
  assert(told.every((isOld) => isOld));
});

Deno.test("a part that is carried out before its turn is not carried out again in it", async () => {
  await using api = await testApi();
  const ids = await three(api);
  const { name, finish } = await begun(api, ids);
  const [first, second, third] = ids;
  assert(await applyAhead(api.turner.host, name, 1));
  assertEquals(await outcomes(api, name), [[first, "done"], [second, "done"], [third, "waiting"]]);
  assertEquals(await applyAhead(api.turner.host, name, 1), false);
  assertEquals(await applyAhead(api.turner.host, name, 3), false);
  const done = await finish();
  assertEquals([done.done, done.skipped], [3, 0]);
  for (const id of ids) assertEquals(await timesRequeued(api, id), 1);
});

Deno.test("nothing is carried out before its turn once an operation is stopped", async () => {
  await using api = await testApi();
  const ids = await three(api);
  const { name, desk, finish } = await begun(api, ids);
  // A turn of its own, that has no part: the one under way ends, and it stops.
  await api.db.sql`delete from perdura.mailbox where actor_id = ${name.id}`;
  await sendEvent(desk, name.id, { type: "STOP" }, { tenantId: name.tenantId });
  await desk.turnInline(name);
  const { body } = await api.get(`/operations/${name.id}`);
  assertEquals([body.state, body.done], ["stopping", 1]);
  await assertRejects(() => applyAhead(api.turner.host, name, 1), LeaseLostError);
  assertEquals(await outcomes(api, name), [
    [ids[0], "done"],
    [ids[1], "waiting"],
    [ids[2], "waiting"],
  ]);
  assertEquals(await timesRequeued(api, ids[1] ?? ""), 0);
  await api.db.store.actors.send([{
    ...name,
    mailId: newId(),
    kind: "event",
    key: null,
    body: { event: { type: "PART_DONE" } },
  }]);
  await desk.turnInline(name);
  assertEquals((await api.get(`/operations/${name.id}`)).body.state, "stopped");
  await sendEvent(desk, name.id, { type: "RESUME" }, { tenantId: name.tenantId });
  assertEquals((await finish()).done, 3);
});

Deno.test("a turn waits for who carries its part out, and does not do it as well; the next goes ahead", async () => {
  await using api = await testApi();
  const ids = await three(api);
  const { name, desk, finish } = await begun(api, ids);
  const { sql } = api.db;
  let turning: Promise<void> = Promise.resolve();
  await sql.begin(async (tx) => {
    // Plays the other process, that notes the part as carried out: the job stays, to tell the two apart.
    await tx`select from perdura.operation_part where operation_id = ${name.id} and n = 1 for update`;
    assertEquals(await applyAhead(api.turner.host, name, 1), false, "it does not wait");
    // On a slow machine it gives up waiting: then another turn, or a resume, finds the part done.
    turning = desk.turnInline(name).catch((error) => {
      if (!(error instanceof UnavailableError)) throw error;
    });
    await untilBlocked(sql);
    await eventually("the part after it is carried out meanwhile", async () => {
      return await timesRequeued(api, ids[2] ?? "") === 1;
    });
    await tx`update perdura.operation_part set applied_at = now(), outcomes = '{0}'
              where operation_id = ${name.id} and n = 1`;
  });
  await turning;
  await finish();
  assertEquals(await Promise.all(ids.map((id) => timesRequeued(api, id))), [1, 0, 1]);
});

Deno.test("a part that waits in vain for a lock fails nothing: the operation goes on", async () => {
  await using api = await testApi();
  const ids = await three(api);
  const { name, desk, finish } = await begun(api, ids);
  const release = await hold(
    api.db.sql,
    "lock table perdura.operation_part in access exclusive mode",
  );
  await assertRejects(() => desk.turnInline(name), UnavailableError);
  await release();
  assertEquals((await api.get(`/operations/${name.id}`)).body.state, "running");
  assertEquals((await finish()).done, 3);
  assertEquals(await Promise.all(ids.map((id) => timesRequeued(api, id))), [1, 1, 1]);
});

Deno.test("an operation over jobs that another has yet to come to is refused, until that is stopped", async () => {
  await using api = await testApi();
  const ids = await three(api);
  const [first, , third] = ids;
  const apart = await jobIn(api, "dead_letter");
  const { name, desk, finish } = await begun(api, ids);
  const remove = (...wanted: unknown[]) =>
    api.post("/operations", { action: "delete", filter: { ids: wanted } });
  const refused = await remove(apart, third);
  assertProblem(refused, 409, "idempotency_conflict");
  assertEquals(refused.body.existing, name.id);
  assertEquals(itemsOf(await api.get("/operations")).map(({ id }) => id), [name.id]);
  assertEquals((await remove(apart)).status, 202);
  const past = { action: "cancel", filter: { ids: [first] } };
  assertEquals((await api.post("/operations", past)).status, 202);
  await sendEvent(desk, name.id, { type: "STOP" }, { tenantId: name.tenantId });
  await desk.turnInline(name);
  assertEquals((await api.get(`/operations/${name.id}`)).body.state, "stopped");
  assertEquals((await remove(third)).status, 202);
  await sendEvent(desk, name.id, { type: "RESUME" }, { tenantId: name.tenantId });
  const done = await finish();
  assertEquals([done.done, done.skipped], [2, 1]);
});
