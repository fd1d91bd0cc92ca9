/** Workers outside that lie, guess and repeat themselves, beside a real worker: nothing of anybody's is bent by it. */
import { assertEquals, assertGreater } from "@std/assert";
import { createRuntime } from "perdura";
import type postgres from "postgres";
import { debugHandlers } from "../../handlers/debug.ts";
import type { Scope } from "../../src/core/access.ts";
import type { Transition } from "../../src/core/job.ts";
import { Keys } from "../../src/runtime/keys.ts";
import { openStore } from "../../src/store/open.ts";
import { assertSound as assertSoundAnswer } from "../http/sound.ts";
import { Chance } from "../support/chance.ts";
import { assertSound } from "./check.ts";
import { untilDrained } from "./client.ts";
import { type Scene, sized, withScene } from "./support.ts";

const LIARS = 8;
const LIES = sized(40, 600);
const JOBS = sized(80, 600);
const SLOTS = 3;

/** Texts of keys: of the liars' own tenant, of tenants that they have nothing to do with, and of all. */
async function makeKeys(url: string) {
  const store = openStore({ url, name: "lying workers" });
  const keys = new Keys(store.keys);
  const make = async (tenantId: string | null, ...scopes: readonly Scope[]) =>
    (await keys.create({ name: "key", tenantId, scopes })).text;
  try {
    return {
      owner: await make("bent", "read", "enqueue", "operate"),
      liar: await make("bent", "read", "worker"),
      honest: await make("straight", "read", "enqueue"),
      platform: await make(null, "platform"),
    };
  } finally {
    await store.close();
  }
}

interface Call {
  readonly method?: string;
  readonly body?: unknown;
  readonly version?: number;
}

/** Calls of one API: every answer must be sound. */
function callerOf(api: string) {
  return async (key: string, path: string, { method, body, version }: Call = {}) => {
    const verb = method ?? (body === undefined ? "GET" : "POST");
    const response = await fetch(`${api}${path}`, {
      method: verb,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(version === undefined ? {} : { "if-match": `"${version}"` }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    await assertSoundAnswer(response.clone(), verb);
    return { status: response.status, body: Object(await response.json()) };
  };
}

type Ask = ReturnType<typeof callerOf>;

/** Of one queue the worker takes care; in the others only liars do anything, until all is drained. */
const QUEUES = ["default", "narrow", "outside"];

async function send(ask: Ask, key: string, count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_, n) => ({
    type: "debug.sleep",
    payload: { ms: n % 3 === 0 ? 1_500 : 20 },
    queue: QUEUES[n % 3],
    maxAttempts: 20,
    maxCrashes: 20,
    timeoutMs: 5_000,
    ...(n % 5 === 1 ? { orderingKey: `key-${n % 2}`, onDead: "skip" } : {}),
    ...(n % 5 === 2 ? { delayMs: 500 } : {}),
  }));
  const { status, body } = await ask(key, "/jobs/batch", { body: { jobs } });
  assertEquals(status, 201, JSON.stringify(body));
  return body.ids;
}

interface Lie {
  readonly path: "events" | "renew";
  readonly body: unknown;
}

const event = (body: object): Lie => ({ path: "events", body });
const renewal = (leaseMs: unknown): Lie => ({ path: "renew", body: { leaseMs } });

/** What only the state of the job may refuse. */
function wellFormed(chance: Chance, isRunning: boolean): Lie {
  const claims = [{ leaseMs: 1_000, worker: crypto.randomUUID() }, { leaseMs: 3_600_000 }, {}];
  if (!isRunning) return event({ type: "CLAIM", ...chance.one(claims) });
  return chance.one([
    event({ type: "SUCCEED", output: { forged: chance.below(1_000) } }),
    event({ type: "FAIL", error: "forged", retryable: chance.is(0.9) }),
    event({ type: "FAIL", error: { message: "x".repeat(100_000), code: "\u0007" } }),
    event({ type: "SNOOZE", delayMs: chance.below(200) }),
    event({ type: "INTERRUPTED" }),
    renewal(3_600_000),
    renewal(1_000),
  ]);
}

/** What nobody may send. */
function malformed(chance: Chance): Lie {
  return chance.one([
    event({ type: "LEASE_EXPIRED" }),
    event({ type: "CLAIM", leaseMs: -1 }),
    event({ type: "CLAIM", worker: "x".repeat(100_000) }),
    event({ type: "SUCCEED", output: "\0" }),
    renewal(0.5),
  ]);
}

/** One that lies: about every job it knows, under any version. Gives what it was told is done, as `job@version`. */
async function lie(
  ask: Ask,
  chance: Chance,
  key: string,
  ids: readonly string[],
): Promise<string[]> {
  const told: string[] = [];
  for (let n = 0; n < LIES; n++) {
    const id = chance.one(ids);
    const { body: job } = await ask(key, `/jobs/${id}`);
    const version = chance.is(0.8) ? job.version : 1 + chance.below(8);
    const isRunning = chance.is(0.9) ? job.state === "running" : chance.is(0.5);
    const { path, body } = chance.is(0.8) ? wellFormed(chance, isRunning) : malformed(chance);
    const { status } = await ask(key, `/jobs/${id}/${path}`, { body, version });
    if (status === 200 && path === "events") told.push(`${id}@${version}`);
  }
  return told;
}

/** The jobs of who has lied about none, step by step. */
async function assertUntouched(ask: Ask, key: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const { body } = await ask(key, `/jobs/${id}/transitions`);
    const steps: Transition[] = body.items;
    const events = steps.map(({ event }) => event).filter((event) => event !== "SCHEDULE");
    assertEquals(events, ["ENQUEUE", "CLAIM", "SUCCEED"], id);
  }
}

/** None goes on for longer than its job may take. Those of liars are over now: nobody waits for that. */
async function endLeases(sql: postgres.Sql, worker: string): Promise<void> {
  const endless = await sql`select id from perdura.lease where expires_at > hard_until`;
  assertEquals(endless.length, 0);
  await sql`update perdura.lease set expires_at = now() where worker <> ${worker}`;
}

async function attack(scene: Scene): Promise<void> {
  const worker = await scene.worker({ WORKER_QUEUES: "default" });
  const { owner, liar, honest, platform } = await makeKeys(await scene.databaseUrl());
  const ask = callerOf(await scene.run("api", { AUTH: "keys" }).url());
  const limits = { concurrency: SLOTS };
  await ask(owner, "/queues/narrow/limits", { method: "PUT", body: limits });
  const [mine, theirs] = await Promise.all([send(ask, owner, JOBS), send(ask, honest, JOBS / 2)]);

  const lies = await Promise.all(Array.from({ length: LIARS }, (_, n) => {
    const everywhere = n % 3 === 0;
    return lie(
      ask,
      new Chance(n),
      everywhere ? platform : liar,
      everywhere ? mine : [...mine, ...theirs.slice(0, 8)],
    );
  }));
  const told = lies.flat();
  assertGreater(told.length, LIARS);
  assertEquals(told.length, new Set(told).size, "two were told that they had changed one version");

  const sql = await scene.sql();
  await endLeases(sql, await worker.workerId());
  const databaseUrl = await scene.databaseUrl();
  await using honestly = await createRuntime({ databaseUrl, handlers: debugHandlers });
  honestly.work();
  await untilDrained(scene);
  await assertSound(sql, { acknowledged: [...mine, ...theirs], isDrained: true });
  const [left] = await sql`
    select (select count(*)::int from perdura.lease) as leases,
           (select count(*)::int from perdura.slot) as slots,
           (select count(*)::int from perdura.place) as places`;
  assertEquals({ ...left }, { leases: 0, slots: 0, places: 0 });
  await assertUntouched(ask, honest, theirs);
}

Deno.test("workers outside that lie change each version once, hold nobody up, and leave every count exact", () =>
  withScene(attack));
