/** Searching jobs and actors by the query language, on a real database. */
import { assert, assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { limits } from "../../src/core/limits.ts";
import { pageOfActors } from "../../src/runtime/paging.ts";
import { type Api, assertProblem, errorPaths, itemsOf, jobIn, testApi } from "./support.ts";

async function found(api: Api, q: string, path = "/jobs") {
  const reply = await api.get(`${path}?q=${encodeURIComponent(q)}`);
  assertEquals(reply.status, 200, JSON.stringify(reply.body));
  return itemsOf(reply).map(({ id }) => id);
}

Deno.test("each field finds its jobs, and no others", async () => {
  await using api = await testApi();
  const payload = { to: "bob@example.org", order: { total: 12.5 }, list: ["a", "b"] };
  const dead = await jobIn(api, "dead_letter", { payload, tags: ["red", "blue"], priority: -3 });
  const done = await jobIn(api, "succeeded", {
    payload: { to: "eve", text: "x".repeat(limits.inlineBytesMax) },
    metadata: { region: "eu" },
    queue: "mail",
  });
  const waiting = await jobIn(api, "scheduled", {
    type: "email.send",
    payload: { to: "ann@example.org", subject: "50% off" },
    idempotencyKey: "k1",
    partitionKey: "p1",
  });
  const all = [waiting, done, dead];
  const cases: readonly (readonly [string, unknown[]])[] = [
    ["", all],
    ["state:dead_letter", [dead]],
    ["-state:dead_letter", [waiting, done]],
    ["state:succeeded,scheduled", [waiting, done]],
    ["type:email.send", [waiting]],
    ["type:email.*", [waiting]],
    ["-type:email.*", [done, dead]],
    ["queue:mail", [done]],
    ["tag:red", [dead]],
    ["tag:r* tag:blue", [dead]],
    ["-tag:red", [waiting, done]],
    ["key:k1", [waiting]],
    ["partition:p1", [waiting]],
    [`id:${done}`, [done]],
    [`id:${done} state:retry`, []],
    ["priority<0", [dead]],
    ["attempt>=1", [done, dead]],
    ["attempt:0", [waiting]],
    ["payload.to:bob@example.org", [dead]],
    ["payload.to:eve", [done]],
    ["payload.to:*@example.org", [waiting, dead]],
    ["payload.order.total>12", [dead]],
    ["payload.order.total>12.5", []],
    ["payload.list.1:b", [dead]],
    ["payload.to>5", []],
    ["metadata.region:eu", [done]],
    ["created<1h", []],
    ["created>1h", all],
    ["finished>1h", [done, dead]],
    ["due>1m", all],
    ['"50% off"', [waiting]],
    ["50_", []],
    ["EXAMPLE.org", [waiting, dead]],
    ["example.org state:dead_letter tag:blue", [dead]],
    ["payload.none:x", []],
  ];
  for (const [q, expected] of cases) {
    const path = q === "" ? "/jobs" : `/jobs?q=${encodeURIComponent(q)}`;
    assertEquals(itemsOf(await api.get(path)).map(({ id }) => id), expected, q);
  }
  assertEquals(await found(api, "tenant:other"), []);
  assertEquals(itemsOf(await api.get("/jobs?q=type:email.send&type=debug.noop")), []);
  assertEquals(itemsOf(await api.get("/jobs?q=state:retry&state=dead_letter")), []);
});

Deno.test("what attempts leave behind is found: errors, progress, outputs, lineage", async () => {
  await using api = await testApi();
  const { sql } = api.db;
  const dead = await jobIn(api, "dead_letter");
  const done = await jobIn(api, "succeeded");
  const clone = String((await api.request("POST", `/jobs/${done}/rerun`)).body.id);
  const error = { name: "TimeoutError", message: "Mail 17 timed out", fingerprint: "f0f0" };
  await sql`
    update perdura.dead_letter
       set last_error = ${JSON.stringify(error)}::text::jsonb, crashes = 2, version = 9,
           progress = '{"done":3,"of":"ten"}', started_at = now() - interval '3 hours'`;
  await sql`update perdura.job_archive set output = '{"status":200,"ok":true}', has_output = false`;
  const cases: readonly (readonly [string, unknown[]])[] = [
    ['error:"timed out"', [dead]],
    ["error:timeouterror", [dead]],
    ["-error:timed", [clone, done]],
    ["fingerprint:f0f0", [dead]],
    ["fingerprint:f0*", [dead]],
    ["-fingerprint:f0f0", [clone, done]],
    ["state:dead_letter fingerprint:f0f0", [dead]],
    ["crashes>1", [dead]],
    ["version:9", [dead]],
    ["version<9", [clone, done]],
    ["started<2h", [dead]],
    ["-started<2h", [clone, done]],
    ["progress.done>=3", [dead]],
    ["progress.of:t*", [dead]],
    ["output.status:200", [done]],
    ["output.ok:true", [done]],
    ["output.status!=200", [clone, dead]],
    [`cloned:${done}`, [clone]],
  ];
  for (const [q, expected] of cases) assertEquals(await found(api, q), expected, q);
});

Deno.test("a mistake is pointed at, by its place and length", async () => {
  await using api = await testApi();
  const reply = await api.get(`/jobs?q=${encodeURIComponent("type:a colour:red")}`);
  assertProblem(reply, 400, "malformed");
  assertEquals([reply.body.position, reply.body.length], [7, 10]);
  assertEquals(errorPaths(reply), ["q"]);
  assertProblem(await api.get("/actors?q=colour:red"), 400, "malformed");
  assertProblem(await api.get("/jobs?q=tenant:b&tenantId=a"), 400, "malformed");
  assertProblem(
    await api.get(`/jobs?q=${"x".repeat(limits.queryLengthMax + 1)}`),
    400,
    "malformed",
  );
  const started = await api.post("/operations", { action: "requeue", filter: { q: "colour:red" } });
  assertProblem(started, 422, "invalid_input");
  assertEquals(errorPaths(started), ["filter.q"]);
  const wrong = await api.post("/operations", { action: "delete", filter: { q: "state:running" } });
  assertEquals(errorPaths(wrong), ["filter.q"]);
});

Deno.test("a query names no tenant that the credential may not see", async () => {
  await using api = await testApi();
  await jobIn(api, "pending");
  const app = createApp({
    jobs: api.jobs,
    isWritable: () => api.db.store.isWritable(),
    permit: () => ({ tenantId: "acme", who: "tester", may: () => true }),
  });
  assertEquals((await app.request("/jobs?q=tenant:default")).status, 403);
  assertEquals((await app.request("/jobs?q=tenant:acme")).status, 200);
});

Deno.test("a search that finds little goes on by its cursor, and finds all", async () => {
  await using api = await testApi();
  const rare = await jobIn(api, "dead_letter", { tags: ["rare"] });
  await api.db.sql`
    insert into perdura.dead_letter (
      tenant_id, id, lane, run_at, created_at, timeout_ms, version, state, priority, attempt,
      max_attempts, crashes, max_crashes, has_data, has_output, queue, type, payload)
    select tenant_id, gen_random_uuid(), lane, run_at, created_at, timeout_ms, version, state, priority,
           attempt, max_attempts, crashes, max_crashes, has_data, has_output, queue, type, payload
      from perdura.dead_letter, generate_series(1, 12000)`;
  const seen: unknown[] = [];
  let cursor: unknown = "";
  for (let pages = 0; cursor !== null; pages++) {
    // Two looks at 250 rows for each, on the slowest machine.
    assert(pages < 50);
    const next = cursor === "" ? "" : `&cursor=${cursor}`;
    const { status, body } = await api.get(`/jobs?q=tag:rare${next}`);
    assertEquals(status, 200);
    assert(Array.isArray(body.items));
    seen.push(...body.items.map(({ id }) => id));
    cursor = body.nextCursor;
  }
  assertEquals(seen, [rare]);
});

Deno.test("actors are found by machine, state, tag and declared context", async () => {
  await using api = await testApi();
  const start = (id: string, title: string) =>
    api.post("/actors", { machine: "approval", id, input: { title, approver: "ada" } });
  await start("chair", "A new chair");
  await start("table", "A table");
  await api.post("/actors/table/events", { type: "APPROVE", by: "ada" });
  for (
    const [q, expected] of [
      ["machine:approval", ["chair", "table"]],
      ["state:pending", ["chair"]],
      ["state:pending.waiting", ["chair"]],
      ["state:pend", []],
      ["-state:approved", ["chair"]],
      ["tag:waiting", ["chair"]],
      ["status:done", ["table"]],
      ["context.title:*table", ["table"]],
      ["context.decision:approved version>=2", ["table"]],
      ["machine:order", []],
      ["id:ch*", ["chair"]],
      ["id:chair", ["chair"]],
      ["id:chair status:done", []],
      ["id:chair id:table", []],
      ["-id:chair", ["table"]],
      ["created>1h NEW", ["chair"]],
    ] as const
  ) assertEquals(await found(api, q, "/actors"), [...expected], q);
  const { status, body } = await api.get("/search/fields");
  assertEquals(status, 200);
  assert(Array.isArray(body.jobs) && Array.isArray(body.actors));
  assert(body.jobs.some(({ name, values }) => name === "state" && values.includes("retry")));
});

Deno.test("a look for few among many actors is bounded, and goes on by its cursor", async () => {
  await using api = await testApi();
  await api.post("/actors", { machine: "approval", id: "x", input: { title: "t", approver: "a" } });
  await api.db.sql`
    insert into perdura.actor (
      tenant_id, id, uid, root_id, machine, root_machine, machine_version, machine_hash, status, state,
      tags, version)
    select 'default', 'a' || lpad(n::text, 6, '0'), gen_random_uuid(), 'a' || lpad(n::text, 6, '0'),
           'order', 'order', '1', '', 'done', 'paid', '{}', 1
      from generate_series(1, 12000) n`;
  // Each look takes longer than a page may.
  let now = 0;
  const clock = { now: () => 0, monotonic: () => now += 1_000 };
  const host = { store: api.db.store, clock };
  const nothing = { tenantId: "default", machine: null, status: null, state: null };
  for (
    const filter of [
      { ...nothing, status: "active" },
      { ...nothing, machine: "approval" },
      { ...nothing, status: "active", state: "pending.waiting" },
    ]
  ) {
    const pages: string[][] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const { lines, next } = await pageOfActors(host, filter, cursor, 10);
      pages.push(lines.map(({ id }) => id));
      cursor = next;
    }
    assertEquals([pages.flat(), pages.at(-1)], [["x"], ["x"]], JSON.stringify(filter));
    assert(pages.length >= 12_000 / 500, `${JSON.stringify(filter)}: ${pages.length} pages`);
  }
  // As long as looks are quick, each is twice as long as the one before.
  const asked: number[] = [];
  const { actors } = api.db.store;
  const watched: typeof actors = Object.create(actors, {
    listEdge: {
      value: (tenantId: string, after: string, rows: number) => {
        asked.push(rows);
        return actors.listEdge(tenantId, after, rows);
      },
    },
    list: { value: actors.list.bind(actors) },
  });
  const quick = { store: { actors: watched }, clock: { now: () => 0, monotonic: () => 0 } };
  const all = await pageOfActors(quick, { ...nothing, status: "active" }, "", 10);
  assertEquals([all.lines.map(({ id }) => id), all.next], [["x"], null]);
  assertEquals(asked.splice(0), [500, 1_000, 2_000, 4_000, 8_000]);
  // The next look would end too late: it is not begun.
  let later = 0;
  const even = { ...quick, clock: { now: () => 0, monotonic: () => later += 9 } };
  const short = await pageOfActors(even, { ...nothing, status: "active" }, "", 10);
  assertEquals([short.lines.length, typeof short.next, asked], [0, "string", [500]]);
  const one = await pageOfActors(host, { ...nothing, id: "x", status: "active" }, "", 10);
  assertEquals([one.lines.map(({ id }) => id), one.next], [["x"], null]);
});
