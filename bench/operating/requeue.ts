/** A bulk requeue beside the plain enqueue of the same jobs. */
import { defineHandler, indexHandlers, Jobs, migrate, openStore } from "perdura";
import { z } from "zod";
import { systemClock } from "../../src/core/clock.ts";
import { meter, type Spent } from "../place/meter.ts";
import type { Server } from "../place/postgres.ts";
import { start } from "./program.ts";

const TYPE = "bench.nobody";
const PER_CALL = 1_000;
const BACKOFF = { baseMs: 1000, factor: 2, capMs: 300_000 };

/** How long the API takes, milliseconds. */
export interface Answers {
  readonly middle: number;
  readonly most: number;
}

/** One round. */
export interface RequeueRound {
  readonly enqueue: Spent;
  readonly requeue: Spent;
  readonly idle: Answers;
  readonly busy: Answers;
}

/** Enqueues, buries, and requeues so many jobs in a database of its own. */
export async function measureRequeue(server: Server, jobs: number): Promise<RequeueRound> {
  const database = `requeue_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  try {
    await migrate({ url });
    const enqueue = await enqueueAll(server, url, jobs);
    await server.run(database, BURY);
    await server.vacuum(database);
    await using api = await start("api", url);
    const idle = await probe(api.url, () => false, 100);
    await server.settle();
    const finish = meter(server.pid, [api.pid]);
    let isDone = false;
    const probing = probe(api.url, () => isDone, Infinity);
    await requeueAll(api.url, jobs).finally(() => isDone = true);
    const requeue = finish();
    return { enqueue, requeue, idle, busy: await probing };
  } finally {
    await server.drop(database);
  }
}

async function enqueueAll(server: Server, url: string, count: number): Promise<Spent> {
  const store = openStore({ url, name: "perdura bench" });
  const handlers = indexHandlers([
    defineHandler({ type: TYPE, input: z.unknown(), handle: () => null }),
  ]);
  const defaults = { maxAttempts: 3, maxCrashes: 3, backoff: BACKOFF };
  const jobs = new Jobs({ store, clock: systemClock, handlers, defaults });
  try {
    const add = (n: number) =>
      jobs.enqueueMany(Array.from({ length: n }, (_, i) => ({ type: TYPE, payload: payload(i) })));
    await server.settle();
    const finish = meter(server.pid, [Deno.pid]);
    let left = count;
    const caller = async () => {
      while (left > 0) {
        const some = Math.min(PER_CALL, left);
        left -= some;
        await add(some);
      }
    };
    await Promise.all([caller(), caller()]);
    return finish();
  } finally {
    await store.close();
  }
}

const payload = (n: number) => ({ order: n, note: "x".repeat(60) });

/** As a worker buries them: in lots, with the error of each. */
const BURY = `
  with gone as (delete from perdura.job returning *),
  buried as (
    insert into perdura.dead_letter (
      tenant_id, id, lane, run_at, created_at, started_at, timeout_ms, version, state, priority, attempt,
      max_attempts, crashes, max_crashes, has_data, has_output, queue, type, payload, last_error)
    select tenant_id, id, lane, run_at, created_at, now(), timeout_ms, 7,
           (select code from perdura.state_name where name = 'dead_letter'), priority, 3, max_attempts,
           0, max_crashes, has_data, false, queue, type, payload,
           json_build_object('name', 'Error', 'message', 'Connection refused by the mail server',
             'code', 'failed', 'retryable', true, 'fingerprint', 'e0c9035898dd52fc', 'at', now())
      from gone order by id returning 1)
  insert into perdura.error_delta (tenant_id, fingerprint, n)
  select 'default', 'e0c9035898dd52fc', count(*) from buried`;

async function requeueAll(api: string, jobs: number): Promise<void> {
  const asked = await fetch(`${api}/operations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action: "requeue", filter: { type: TYPE } }),
  });
  const { id, matched } = await asked.json();
  if (matched !== jobs) throw new Error(`The operation is over ${matched} jobs`);
  while (true) {
    const { state, done } = await (await fetch(`${api}/operations/${id}`)).json();
    if (state === "done" && done === jobs) return;
    if (state === "stalled" || state === "done") throw new Error(`${state} with ${done} done`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

/** What a client would see: a page, and a job added, one after the other. */
async function probe(api: string, isOver: () => boolean, max: number): Promise<Answers> {
  const times: number[] = [];
  const body = JSON.stringify({ type: "debug.noop", payload: {} });
  const headers = { "content-type": "application/json" };
  for (let n = 0; n < max && !isOver(); n++) {
    const begun = performance.now();
    const answer = n % 2 === 0
      ? await fetch(`${api}/jobs?limit=50`)
      : await fetch(`${api}/jobs`, { method: "POST", headers, body });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`The API answers ${answer.status}`);
    times.push(performance.now() - begun);
    await new Promise((next) => setTimeout(next, 10));
  }
  times.sort((a, b) => a - b);
  return { middle: times[times.length >> 1] ?? 0, most: times.at(-1) ?? 0 };
}
