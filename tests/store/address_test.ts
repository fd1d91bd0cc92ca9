/** Addresses that the driver would misread: whatever connects, connects there. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { z } from "zod";
import { hostsOf, ownAddress } from "../../src/store/address.ts";
import { UnavailableError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/id.ts";
import { createRuntime, defineHandler } from "../../mod.ts";
import { migrate, migrations } from "../../src/store/migrate.ts";
import { openStore } from "../../src/store/open.ts";
import { perduraEach } from "../cli/command.ts";
import { buildJob, changeFor, claimed, eventually } from "../support/build.ts";
import { emptyDatabase, testDatabase } from "../support/database.ts";
import { Proxy } from "../support/proxy.ts";

const LOOPBACK = "::1";

function hasLoopback(): boolean {
  try {
    Deno.listen({ hostname: LOOPBACK, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** A test that needs `::1`: without it, its name says so. */
function testOverIpv6(name: string, fn: () => Promise<void>) {
  const ignore = !hasLoopback();
  Deno.test({ name: ignore ? `${name} (no IPv6 loopback here)` : name, ignore, fn });
}

Deno.test("hosts of an address are told to the driver only where it would misread them", () => {
  for (
    const url of ["postgres://db", "postgres://u:p%3A@a:5433,b/db?x=[::1]", "postgres://%2Ftmp/db"]
  ) {
    assertEquals(hostsOf(url), {}, url);
  }
  assertEquals(hostsOf("postgres://user@[::1]:5433/db"), { host: ["::1"], port: [5433] });
  assertEquals(hostsOf("postgresql://u:p@[2001:db8::1]"), { host: ["2001:db8::1"], port: [5432] });
  assertEquals(hostsOf("postgres://u@a,[::1]:6,b:7/db"), {
    ...{ host: ["a", "::1", "b"], port: [5432, 6, 7] },
  });
});

Deno.test("an address of a hoster's, or of another client's, is as good as one without their parameters", async () => {
  for (const url of ["postgres://db", "postgres://u@a:1,b/db?sslmode=require&options=-c%20x%3D1"]) {
    assertEquals(ownAddress(url), url);
  }
  const foreign = "channel_binding=require&pgbouncer=true&schema=public";
  assertEquals(ownAddress(`postgres://u@[::1]/db?${foreign}`), "postgres://u@[::1]/db");
  assertEquals(
    ownAddress(`postgres://a,b/db?sslmode=require&${foreign}`),
    "postgres://a,b/db?sslmode=require",
  );
  await using db = await testDatabase();
  const databaseUrl = `${db.url}?keepalives=1&${foreign}`;
  const double = defineHandler({
    type: "double",
    input: z.strictObject({ n: z.int() }),
    handle: ({ n }, context) =>
      context.transaction(async (sql) => Number((await sql`select 2 * ${n}::int as n`)[0]?.n)),
  });
  await using runtime = await createRuntime({ databaseUrl, handlers: [double] });
  runtime.work();
  assertEquals(await runtime.enqueueAndWait(double, { n: 21 }), 42);
  const told = await perduraEach([["jobs"], ["doctor"]], { DATABASE_URL: databaseUrl });
  assertEquals(told[0]?.lines, []);
  assertStringIncludes(told[1]?.stdout ?? "", "It can be reached");
});

testOverIpv6("pool, LISTEN and transactions of handlers reach a database at [::1]", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url), LOOPBACK);
  const store = openStore({ url: proxy.url });
  await using _store = { [Symbol.asyncDispose]: () => store.close() };
  const heard: string[] = [];
  await store.onHint((hint) => {
    if (hint?.kind === "ended") heard.push(hint.ids.join());
  });
  const id = newId();
  store.hint({ kind: "ended", ids: [id] });
  await eventually("its id is heard", () => Promise.resolve(heard.includes(id)));
  const [job] = await claimed(store, buildJob());
  const by = { worker: newId(), tenantId: "default" };
  await store.transaction(by, (sql) => sql`select 1`, () => changeFor(job!, { type: "SUCCEED" }));
  assertEquals((await db.store.get(null, job!.id))?.state, "succeeded");
});

testOverIpv6("migrations and the command line reach a database at [::1]", async () => {
  await using db = await emptyDatabase();
  await using proxy = new Proxy(new URL(db.url), LOOPBACK);
  const { pending } = await migrate({ url: proxy.url });
  assertEquals(pending.length, migrations.length);
  const told = await perduraEach([["migrate"], ["jobs"], ["doctor"]], { DATABASE_URL: proxy.url });
  assertEquals(told.slice(0, 2).map(({ code, lines }) => [code, lines]), [[0, []], [0, []]]);
  assertStringIncludes(told[2]?.stdout ?? "", "It can be reached");
});

testOverIpv6("a runtime reaches [::1] by an address, and by a client of postgres.js", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url), LOOPBACK);
  const sql = postgres(proxy.url, { max: 1, ...hostsOf(proxy.url) });
  await using _sql = { [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
  const double = defineHandler({
    type: "double",
    input: z.strictObject({ n: z.int() }),
    handle: ({ n }) => 2 * n,
  });
  for (const where of [{ databaseUrl: proxy.url }, { sql }]) {
    await using runtime = await createRuntime({ ...where, handlers: [double] });
    runtime.work();
    assertEquals(await runtime.enqueueAndWait(double, { n: 21 }), 42);
  }
});

Deno.test("an address that asks for TLS of a server without it is told what is missing", async () => {
  await using db = await testDatabase();
  const url = `${db.url}?sslmode=require`;
  const store = openStore({ url });
  const ways = [() => migrate({ url }), () => store.counts(null)];
  for (const way of ways) await assertRejects(way, UnavailableError, "the server has no TLS");
  await store.close();
});
