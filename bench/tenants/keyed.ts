/** `POST /jobs` of APIs that ask for keys and of one that does not, beside each other. */
import { migrate, openStore } from "perdura";
import { Keys, owner } from "../../src/runtime/keys.ts";
import { type Program, start } from "../operating/program.ts";
import { meter } from "../place/meter.ts";
import type { Server } from "../place/postgres.ts";
import { postingBy } from "../place/wrk.ts";

/** Without a key; with one; and with the limit of time for headers that comes with keys. */
const DOORS = ["open", "keys", "keys and header limit"] as const;

/** How an API lets requests in. */
export type Door = typeof DOORS[number];

const SETTINGS: Readonly<Record<Door, Record<string, string>>> = {
  open: { AUTH: "none" },
  keys: { AUTH: "keys", REQUEST_HEADERS_MS: "0" },
  "keys and header limit": { AUTH: "keys" },
};

/** What one API took in one slice of time. */
export interface Asked {
  readonly perSecond: number;
  /** µs of its processor time per request. */
  readonly ours: number;
}

/** What one API took in each slice; those of all with the same number came right after each other. */
export interface AskedAll {
  readonly door: Door;
  readonly found: readonly Asked[];
}

interface Slice extends AskedAll {
  readonly found: Asked[];
  readonly ask: () => Promise<Asked>;
}

const IN_FLIGHT = 32;
const WARM_UP_MS = 3_000;
const SLICE_MS = 1_000;

/** So many rounds of `ms` for each, cut into slices of a second, in an order that chance makes. */
export async function measureKeyed(
  server: Server,
  folder: string,
  rounds: number,
  ms: number,
): Promise<readonly AskedAll[]> {
  const database = `keyed_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  try {
    await migrate({ url, debug: true });
    const key = await makeKey(url);
    await using stack = new AsyncDisposableStack();
    const slices: Slice[] = [];
    for (const door of DOORS) {
      const api = stack.use(await start("api", url, SETTINGS[door]));
      const sender = { folder, inFlight: IN_FLIGHT, key: door === "open" ? null : key };
      const post = await postingBy(sender);
      await post(api.url, WARM_UP_MS);
      const ask = () => spentBy(server, api, () => post(api.url, SLICE_MS));
      slices.push({ door, ask, found: [] });
    }
    for (let n = 0; n < rounds * Math.max(1, Math.round(ms / SLICE_MS)); n++) {
      for (const { ask, found } of shuffled(slices)) found.push(await ask());
    }
    return slices;
  } finally {
    await server.drop(database);
  }
}

function shuffled<T>(all: readonly T[]): T[] {
  return all.map((one) => ({ one, at: Math.random() })).sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
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

async function spentBy(
  server: Server,
  api: Program,
  post: () => Promise<number>,
): Promise<Asked> {
  const finish = meter(server.pid, [api.pid]);
  const count = await post();
  const { seconds, workers } = finish();
  return { perSecond: count / seconds, ours: workers / count * 1e6 };
}
