/** Health, what is not there, and a database that is away. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { openStore } from "../../src/store/open.ts";
import { assertProblem, type Client, clientOf, itemsOf, jobIn, testApi } from "./support.ts";

const NOBODY = "01890000-0000-7000-8000-000000000000";

/** Nobody listens there: it is given to nobody who asks for any port. */
const CLOSED = "postgres://perdura:secret@127.0.0.1:1/perdura";

/** Every route that needs the database. */
async function askAll(api: Client) {
  return [
    await api.post("/jobs", { type: "debug.noop" }),
    await api.post("/jobs/batch", { jobs: [{ type: "debug.noop" }] }),
    await api.get(`/jobs/${NOBODY}`),
    await api.get(`/jobs/${NOBODY}/transitions`),
    await api.post(`/jobs/${NOBODY}/events`, { type: "CANCEL" }),
    await api.get("/admin/metrics"),
  ];
}

Deno.test("GET /health and /health/ready answer 200 while the database takes writes", async () => {
  await using api = await testApi();
  for (const path of ["/health", "/health/ready"]) {
    const { status, headers, body } = await api.get(path);
    assertEquals([status, body], [200, { status: "ok", checks: { database: "ok", write: "ok" } }]);
    assertEquals(headers.get("cache-control"), "no-store");
  }
});

Deno.test("GET /health tells a database that only reads from one that is away", async () => {
  await using api = await testApi();
  const name = new URL(api.db.url).pathname.slice(1);
  await api.db.sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
  const store = openStore({ url: api.db.url, connections: 1 });
  try {
    const { status, body } = await clientOf(store).get("/health/ready");
    assertEquals([status, body.checks], [503, { database: "ok", write: "failed" }]);
    const refused = await clientOf(store).post("/jobs", { type: "debug.noop" });
    assertProblem(refused, 503, "unavailable");
  } finally {
    await store.close();
  }
});

Deno.test("GET /health tells a role that may only read", async () => {
  await using api = await testApi();
  const role = `reader_${crypto.randomUUID().slice(0, 8)}`;
  await api.db.sql.unsafe(`create role ${role}`);
  const store = openStore({ url: api.db.url, role, connections: 1 });
  const demandReadOnly = async () => {
    const { status, body } = await clientOf(store).get("/health/ready");
    assertEquals([status, body.checks], [503, { database: "ok", write: "failed" }]);
  };
  try {
    await demandReadOnly();
    await api.db.sql.unsafe(`grant usage on schema perdura to ${role};
      grant select on all tables in schema perdura to ${role}`);
    await demandReadOnly();
    await api.db.sql.unsafe(`grant insert, update on perdura.job to ${role}`);
    assertEquals((await clientOf(store).get("/health/ready")).status, 200);
  } finally {
    await store.close();
    await api.db.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
  }
});

Deno.test("a database that is away: 503 with Retry-After, alive but not ready, and no address shown", async () => {
  const store = openStore({ url: CLOSED });
  try {
    const api = clientOf(store);
    for (const path of ["/health", "/health/ready"]) {
      const { status, body } = await api.get(path);
      assertEquals(status, 503);
      assertEquals(body, {
        status: "unavailable",
        checks: { database: "failed", write: "failed" },
      });
    }
    assertEquals((await api.get("/health/live")).status, 200);
    for (const reply of await askAll(api)) {
      assertProblem(reply, 503, "unavailable");
      assertMatch(reply.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
      assert(!JSON.stringify(reply.body).includes("127.0.0.1"), "the address is nobody's business");
    }
  } finally {
    await store.close();
  }
});

Deno.test("a database that is away: bad input is still told what is wrong with it", async () => {
  const store = openStore({ url: CLOSED });
  try {
    const reply = await clientOf(store).post("/jobs", { type: "no.such" });
    assertProblem(reply, 422, "unknown_type");
  } finally {
    await store.close();
  }
});

Deno.test("a database that accepts and says nothing: 503 by the deadline", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const held: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) held.push(conn);
  })();
  const url = `postgres://perdura:secret@127.0.0.1:${listener.addr.port}/perdura`;
  const store = openStore({ url, connections: 1, deadlineMs: 100 });
  try {
    for (const reply of await askAll(clientOf(store))) assertProblem(reply, 503, "unavailable");
    assert(held.length > 0);
  } finally {
    await store.close();
    for (const conn of held) conn.close();
    listener.close();
    await accepting;
  }
});

Deno.test("an unknown route is a problem of 404, another method of a known one of 405", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  for (
    const [method, path] of [
      ["GET", "/"],
      ["GET", "/nowhere"],
      ["GET", "//jobs"],
      ["POST", "/jobs/"],
      ["GET", `/jobs/${id}/nothing`],
    ] as const
  ) {
    const reply = await api.request(method, path);
    assertProblem(reply, 404, "not_found");
    assertEquals(reply.body.instance, path);
    assertProblem(await api.request("OPTIONS", path), 404, "not_found");
  }
  for (
    const [method, path, allow] of [
      ["PUT", "/jobs", "POST, GET, HEAD"],
      ["PUT", `/jobs/${id}`, "GET, HEAD, PATCH, DELETE"],
      ["GET", "/admin/sweep", "POST"],
      ["POST", "/health", "GET, HEAD"],
      ["DELETE", "/health/live", "GET, HEAD"],
      ["PUT", "/openapi.json", "GET, HEAD"],
    ] as const
  ) {
    const reply = await api.request(method, path);
    assertProblem(reply, 405, "method_not_allowed");
    assertEquals(reply.headers.get("allow"), allow);
    const asked = await api.request("OPTIONS", path);
    assertEquals([asked.status, asked.headers.get("allow")], [204, `${allow}, OPTIONS`]);
    assert(asked.headers.get("x-request-id"));
  }
});

Deno.test("a defect is a bare 500: a request id, and nothing of what happened", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  // As a later version might have left it.
  await api.db.sql`update perdura.job set state = 99`;
  const reply = await api.request("GET", `/jobs/${id}`, { headers: { "x-request-id": "trace-1" } });
  assertProblem(reply, 500, "internal");
  assertEquals(reply.body, {
    type: "/problems/internal",
    title: "Internal error",
    status: 500,
    code: "internal",
    instance: `/jobs/${id}`,
    requestId: "trace-1",
  });
  await api.db.sql`update perdura.job set state = 0`;
  assertEquals((await api.get(`/jobs/${id}`)).status, 200);
});

Deno.test("a table that is missing is for an operator to mend: 503, and not a word of SQL", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  await api.db.sql`alter table perdura.transition rename to gone`;
  const reply = await api.get(`/jobs/${id}/transitions`);
  assertProblem(reply, 503, "unavailable");
  assert(!JSON.stringify(reply.body).includes("perdura."), JSON.stringify(reply.body));
  await api.db.sql`alter table perdura.gone rename to transition`;
  assertEquals(itemsOf(await api.get(`/jobs/${id}/transitions`)).length, 1);
});

Deno.test("every answer carries a request id and the headers that keep browsers careful", async () => {
  await using api = await testApi();
  for (const path of ["/health", "/nowhere", `/jobs/${NOBODY}`]) {
    const { headers } = await api.get(path);
    assertMatch(headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("strict-transport-security"), null);
  }
});
