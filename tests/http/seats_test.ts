/** What all tenants share: one that takes all it can leaves some to the others. */
import { assert, assertEquals } from "@std/assert";
import { RateLimitedError } from "../../src/core/errors.ts";
import { Seats } from "../../src/core/seats.ts";
import { GatePace } from "../../src/http/gate_pace.ts";
import { LISTENERS_MAX, Stream } from "../../src/ui/stream.ts";
import { eventually } from "../support/build.ts";
import { TENANT_SCOPES, tenantsApi } from "./tenants.ts";

const EACH = 126;

const APPROVAL = { machine: "approval", id: "one", input: { title: "x", approver: "x" } };

Deno.test("who follows actors and logs without end leaves places to other tenants", async () => {
  await using api = await tenantsApi();
  const key = await api.make("a", ...TENANT_SCOPES);
  await api.ask({ method: "POST", path: "/actors", key, body: APPROVAL });
  const job = { type: "debug.noop", delayMs: 3_600_000 };
  const { id } = JSON.parse(
    (await api.ask({ method: "POST", path: "/jobs", key, body: job })).text,
  );
  const other = await api.make("b", ...TENANT_SCOPES);
  await api.ask({ method: "POST", path: "/actors", key: other, body: APPROVAL });
  const own = JSON.parse(
    (await api.ask({ method: "POST", path: "/jobs", key: other, body: job })).text,
  );
  const open = async (key: string, path: string) => {
    const headers = { authorization: `Bearer ${key}`, accept: "text/event-stream" };
    return await api.app.request(path, { headers });
  };
  for (
    const [path, beside] of [
      ["/actors/one/emits", "/actors/one/emits"],
      [`/jobs/${id}/logs`, `/jobs/${own.id}/logs`],
    ] as const
  ) {
    const all = await Promise.all(Array.from({ length: EACH }, () => open(key, path)));
    const refused = all.filter(({ status }) => status === 503);
    assertEquals([refused.length, all.length], [1, EACH], path);
    const another = await open(other, beside);
    assertEquals(another.status, 200, path);
    for (const { body } of [...all, another]) await body?.cancel();
    await eventually(`a place is free again for ${path}`, async () => {
      const { status, body } = await open(key, path);
      await body?.cancel();
      return status === 200;
    });
  }
});

Deno.test("who listens to everything leaves places to other tenants", async () => {
  await using api = await tenantsApi();
  const stream = new Stream({ jobs: api.jobs });
  const listen = async (tenantId: string) =>
    await api.within(tenantId, async () => {
      return await Promise.resolve(stream.open({ kind: "counts", id: "", tenantId, after: 0 }));
    });
  const streams: ReadableStream[] = [];
  let refused = 0;
  for (let n = 0; n < LISTENERS_MAX; n++) {
    await listen("a").then((one) => streams.push(one), () => refused++);
  }
  assertEquals([streams.length, refused], [LISTENERS_MAX / 4, LISTENERS_MAX * 3 / 4]);
  streams.push(await listen("b"));
  for (const one of streams) await one.cancel();
  assertEquals(stream.size, 0);
});

Deno.test("a place is given back once, and one without a tenant may have all of them", () => {
  const seats = new Seats(4, "full");
  const leave = seats.take("a");
  leave();
  leave();
  const all = [1, 2, 3, 4].map(() => seats.take(null));
  const full = () => {
    try {
      return seats.take("a") && "room";
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
  };
  assertEquals(full(), "full");
  all[0]?.();
  assertEquals(full(), "room");
});

Deno.test("who changes limits without end is told to wait; others and the platform are not", async () => {
  await using api = await tenantsApi();
  const [a, b] = [await api.make("a", ...TENANT_SCOPES), await api.make("b", ...TENANT_SCOPES)];
  const platform = await api.make(null, "platform");
  const path = "/queues/mail/limits";
  const set = (key: string, concurrency: number, tenantId?: string) =>
    api.ask({ method: "PUT", path, key, body: { concurrency, ...tenantId && { tenantId } } });
  const many = await Promise.all(Array.from({ length: 250 }, (_, n) => set(a, n + 1)));
  const refused = many.filter(({ status }) => status === 429);
  assert(refused.length > 0, "all were let through");
  assertEquals(many.length - refused.length, many.filter(({ status }) => status === 200).length);
  assertEquals((await set(b, 1)).status, 200);
  const ofPlatform = Array.from({ length: 20 }, (_, n) => set(platform, n + 1, "a"));
  const statuses = (await Promise.all(ofPlatform)).map(({ status }) => status);
  assertEquals([...new Set(statuses)], [200]);
});

Deno.test("a hundred changes of gates at once, and then five a second, whatever they are of", () => {
  let ms = 0;
  const pace = new GatePace({ now: () => ms, monotonic: () => ms });
  const taken = (count: number) =>
    Array.from({ length: count }, () => {
      try {
        pace.demand("a");
        return 1;
      } catch (error) {
        assert(error instanceof RateLimitedError && error.retryAfterMs === 1_000);
        return 0;
      }
    }).reduce((sum: number, one) => sum + one, 0);
  assertEquals(taken(120), 100);
  ms += 1_000;
  assertEquals(taken(20), 5);
  pace.demand("b");
  pace.demand(null);
});
