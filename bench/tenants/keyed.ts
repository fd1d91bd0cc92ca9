/** `POST /jobs` of one API that asks for keys and of one that does not, beside each other. */
import { migrate, openStore } from "perdura";
import { Keys, owner } from "../../src/runtime/keys.ts";
import { meter } from "../place/meter.ts";
import type { Server } from "../place/postgres.ts";
import { type Program, start } from "../operating/program.ts";

/** What one API took: µs of its own processor time per request. */
export interface Asked {
  readonly perSecond: number;
  readonly ours: number;
  readonly database: number;
}

/** One round of both. */
export interface KeyedRound {
  readonly without: Asked;
  readonly with: Asked;
}

const IN_FLIGHT = 32;
const WARM_UP_MS = 2_000;
const BODY = JSON.stringify({
  type: "debug.noop",
  payload: { orderId: 1, customer: "ada@example.com", total: 4200 },
});

/** So many rounds of `ms` each, whoever is first in turns. */
export async function measureKeyed(
  server: Server,
  rounds: number,
  ms: number,
): Promise<KeyedRound[]> {
  const database = `keyed_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  try {
    await migrate({ url, debug: true });
    const key = await makeKey(url);
    await using open = await start("api", url, { AUTH: "none" });
    await using closed = await start("api", url, { AUTH: "keys" });
    const [without, withKey] = [
      (time: number) => ask(server, open, null, time),
      (time: number) => ask(server, closed, key, time),
    ];
    await without(WARM_UP_MS);
    await withKey(WARM_UP_MS);
    const found: KeyedRound[] = [];
    for (let n = 0; n < rounds; n++) {
      const first = n % 2 === 0 ? await without(ms) : await withKey(ms);
      const second = n % 2 === 0 ? await withKey(ms) : await without(ms);
      found.push(
        n % 2 === 0 ? { without: first, with: second } : { without: second, with: first },
      );
    }
    return found;
  } finally {
    await server.drop(database);
  }
}

async function makeKey(url: string): Promise<string> {
  const store = openStore({ url, name: "perdura bench" });
  try {
    const wanted = { name: "bench", tenantId: "default", scopes: ["enqueue"] };
    return (await new Keys(store.keys).create(wanted, owner)).text;
  } finally {
    await store.close();
  }
}

async function ask(
  server: Server,
  api: Program,
  key: string | null,
  ms: number,
): Promise<Asked> {
  const headers = {
    "content-type": "application/json",
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  };
  const finish = meter(server.pid, [api.pid]);
  const until = performance.now() + ms;
  let count = 0;
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (performance.now() < until) {
      const answer = await fetch(`${api.url}/jobs`, { method: "POST", headers, body: BODY });
      await answer.body?.cancel();
      if (answer.status !== 201) throw new Error(`POST /jobs: ${answer.status}`);
      count++;
    }
  }));
  const { seconds, workers, database } = finish();
  return {
    perSecond: count / seconds,
    ours: workers / count * 1e6,
    database: database / count * 1e6,
  };
}
