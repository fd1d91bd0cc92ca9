/**
 * Requests of several tenants at the same time, where they share statements: jobs on their way in, turns
 * on theirs, and a worker of the same process. Each is behind its own wall, and none is in another's way.
 */
import { assert, assertEquals } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { machinesOf } from "../../src/cli/actors.ts";
import { systemClock } from "../../src/core/clock.ts";
import { permitBearer } from "../../src/http/access.ts";
import { createApp } from "../../src/http/app.ts";
import { Gatekeeper } from "../../src/runtime/gatekeeper.ts";
import { Keys } from "../../src/runtime/keys.ts";
import { createRuntime } from "perdura";
import { testDatabase } from "../support/database.ts";
import { TENANT_SCOPES, tenantsApi } from "./tenants.ts";

const TENANTS = ["a", "b", "c", "d", "e"];
const ROUNDS = 8;

/** The same call of every tenant, several times over, all at once. */
async function everybody<T>(call: (tenantId: string, n: number) => Promise<T>): Promise<T[]> {
  const numbers = Array.from({ length: ROUNDS }, (_, n) => n);
  return await Promise.all(numbers.flatMap((n) => TENANTS.map((tenant) => call(tenant, n))));
}

/** Which statuses there are. */
const statuses = (answers: readonly { status: number }[]) => [
  ...new Set(answers.map(({ status }) => status)),
];

Deno.test("actors of several tenants begin and move at the same time", async () => {
  await using api = await tenantsApi();
  const keys = new Map<string, string>();
  for (const tenant of TENANTS) keys.set(tenant, await api.make(tenant, ...TENANT_SCOPES));
  const input = { title: "x", approver: "x" };
  const begun = await everybody((tenant, n) =>
    api.ask({
      method: "POST",
      path: "/actors",
      key: keys.get(tenant) ?? "",
      body: { machine: "approval", id: `one-${n}`, input },
    })
  );
  assertEquals(statuses(begun), [201], begun.find(({ status }) => status !== 201)?.text);
  const moved = await everybody((tenant, n) =>
    api.ask({
      method: "POST",
      path: `/actors/one-${n}/events`,
      key: keys.get(tenant) ?? "",
      body: { type: "APPROVE", by: tenant },
    })
  );
  assertEquals(statuses(moved), [200], moved.find(({ status }) => status !== 200)?.text);
  const [row] = await api.db.sql`
    select count(*)::int as n, count(distinct tenant_id)::int as tenants from perdura.actor`;
  assertEquals([row?.n, row?.tenants], [TENANTS.length * ROUNDS, TENANTS.length]);
});

Deno.test("jobs of several tenants come in together, plain ones and others", async () => {
  await using api = await tenantsApi();
  const keys = new Map<string, string>();
  for (const tenant of TENANTS) keys.set(tenant, await api.make(tenant, "enqueue"));
  const sorts = [
    {},
    { idempotencyKey: "once" },
    { orderingKey: "in-order" },
    { limitKey: "few", tags: ["x"], delayMs: 60_000 },
    { unique: { key: "sole" } },
  ];
  for (const sort of sorts) {
    const answers = await everybody((tenant) =>
      api.ask({
        method: "POST",
        path: "/jobs",
        key: keys.get(tenant) ?? "",
        body: { type: "debug.noop", ...sort },
      })
    );
    const shown = JSON.stringify(sort);
    const odd = answers.find(({ status }) => ![200, 201].includes(status));
    assertEquals(odd, undefined, shown);
    const tenants = answers.map(({ text }) => JSON.parse(text).tenantId);
    assertEquals(tenants, tenants.map((_, n) => TENANTS[n % TENANTS.length]), shown);
  }
  const roles = await api.db.sql`
    select count(*)::int as n from pg_stat_activity
     where datname = current_database() and application_name like '% entrance'`;
  assert((roles[0]?.n ?? 0) > 0, "they have come in behind the wall");
});

Deno.test("what a tenant's requests begin in transactions and statements of their own is its own", async () => {
  await using api = await tenantsApi();
  const key = await api.make("a", ...TENANT_SCOPES);
  const ask = async (method: string, path: string, body: unknown, status: number) => {
    const answer = await api.ask({ method, path, key, body });
    assertEquals(answer.status, status, `${method} ${path}: ${answer.text}`);
    return answer.text === "" ? null : JSON.parse(answer.text);
  };
  const job = { type: "debug.noop", queue: "q" };
  await ask("PUT", "/schedules/s", { cron: "0 0 1 1 *", type: "debug.noop" }, 201);
  await ask("POST", "/schedules/s/trigger", undefined, 201);
  const { id: batch } = await ask("POST", "/batches", { jobs: [job, job] }, 201);
  await ask("GET", `/batches/${batch}`, undefined, 200);
  const filter = { queue: "q" };
  const { id } = await ask("POST", "/operations", { action: "cancel", filter }, 202);
  await ask("GET", `/operations/${id}`, undefined, 200);
  const policy = { state: "succeeded", maxAgeMs: 86_400_000, tenantId: "a" };
  await ask("PUT", "/retention", policy, 200);
  await ask("GET", "/retention", undefined, 200);
  await ask("GET", "/breakers", undefined, 200);
  const tenants = await api.db.sql`select distinct tenant_id as t from perdura.job`;
  assertEquals(tenants.map(({ t }) => t), ["a"]);
});

Deno.test("a job that is not its requester's own is refused, whoever's travel along", async () => {
  await using api = await tenantsApi();
  const { jobs } = api;
  const send = (requester: string, tenantId: string) =>
    api.within(requester, () => jobs.enqueue({ type: "debug.noop", tenantId }))
      .then(() => "stored", () => "refused");
  const sent = [...TENANTS, ...TENANTS].map((tenant) => send(tenant, tenant));
  const stray = send("a", "b");
  const rest = TENANTS.map((tenant) => send(tenant, tenant));
  assertEquals(await stray, "refused");
  assertEquals([...new Set(await Promise.all([...sent, ...rest]))], ["stored"]);
  const rows = await api.db.sql`
    select tenant_id, count(*)::int as n from perdura.job group by 1 order by 1`;
  assertEquals(rows.map(({ tenant_id, n }) => [tenant_id, n]), TENANTS.map((t) => [t, 3]));
});

Deno.test("a worker of the same process is nobody's: it ends the jobs of all", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    handlers: debugHandlers,
    machines: machinesOf(false).entries,
  });
  const app = createApp({
    jobs: runtime.jobs,
    actors: runtime.actors,
    isWritable: () => runtime.isWritable(),
    permit: permitBearer(new Gatekeeper(db.store.keys, systemClock)),
  });
  const keys = new Keys(db.store.keys);
  runtime.work();
  const texts = new Map<string, string>();
  for (const tenantId of TENANTS) {
    texts.set(
      tenantId,
      (await keys.create({ name: "x", tenantId, scopes: ["enqueue", "read"] })).text,
    );
  }
  const answers = await everybody((tenant) =>
    Promise.resolve(app.request("http://any.example/jobs?wait=30s", {
      method: "POST",
      headers: {
        authorization: `Bearer ${texts.get(tenant)}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ type: "debug.noop" }),
    }))
  );
  const states = await Promise.all(answers.map(async (answer) => (await answer.json()).state));
  assertEquals([...new Set(states)], ["succeeded"]);
});
