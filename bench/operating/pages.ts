/** Lists, searches, groups and counts of a small and of a large database, as the API gives them. */
import { migrate } from "perdura";
import type { Server } from "../place/postgres.ts";
import { fillActors, fillOf } from "./filling.ts";
import { start } from "./program.ts";

const TIMES = 40;
const WARM = 5;
/** What the pages ask for at once. */
const LIMIT = 50;
/** Pages of a thousand that are gone through before the deep one is taken. */
const DEEP = 50;

/** Milliseconds of its requests, and how many of them found less than a page. */
interface Asked {
  readonly middle: number;
  readonly p95: number;
  readonly most: number;
  readonly short: number;
}

/** The columns of `measurePages`. */
export const PAGE_HEADS = ["request", "small p95", "large p50", "large p95", "most", "short"];

/** What lists are asked for: the words of the page's query bar, as they are typed. */
const QUERIES = {
  jobs: [
    ...["state:pending", "state:succeeded", "state:cancelled", "state:dead_letter"],
    ...["queue:queue-1", "queue:rare", "type:bench.nobody-1", "type:bench.rare", "type:bench.no*"],
    ...["tag:batch-7", "tag:rare", "attempt>=3", "error:host", "created>1d", "created<1h"],
    ...["state:succeeded created>2020-01-01", "payload.customer:c-7", "payload.order:-1"],
    ...["nothing is like it", "key:none", "tenant:other"],
  ],
  actors: [
    ...["machine:bench_1", "machine:none", "status:active", "status:stalled", "state:open"],
    ...["state:open.step_3", "id:actor-0000*", "id:*7", "context.customer:c-7", "context.order:-1"],
    ...["nothing is like it", "updated<1h"],
  ],
} as const;

/** One line per request. */
export async function measurePages(
  server: Server,
  [small, large]: readonly [number, number],
): Promise<string[][]> {
  const before = await pagesOf(server, small);
  const after = await pagesOf(server, large);
  return [...after].map(([request, { middle, p95, most, short }]) => [
    request,
    ...[before.get(request)?.p95 ?? 0, middle, p95, most].map((ms) => ms.toFixed(1)),
    `${short} of ${TIMES}`,
  ]);
}

async function pagesOf(server: Server, size: number): Promise<Map<string, Asked>> {
  const database = `pages_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  try {
    await migrate({ url });
    for (const [table, share] of [["job", 5], ["job_archive", 4], ["dead_letter", 1]] as const) {
      await server.run(database, fillOf(table, Math.floor(size * share / 10)));
    }
    await server.run(database, fillActors(size));
    await server.vacuum(database);
    await using api = await start("api", url);
    const found = new Map<string, Asked>();
    const ask = async (name: string, path: string) => found.set(name, await asked(api.url, path));
    await ask("`GET /jobs`", `/jobs?limit=${LIMIT}`);
    const cursor = await deepCursor(api.url, Math.min(DEEP, Math.floor(size / 2_000)));
    await ask("the same, far behind", `/jobs?limit=${LIMIT}&cursor=${encodeURIComponent(cursor)}`);
    for (const q of QUERIES.jobs) await ask(`\`${q}\``, searchFor("jobs", q));
    await ask("`GET /actors`", `/actors?limit=${LIMIT}`);
    for (const q of QUERIES.actors) await ask(`actors \`${q}\``, searchFor("actors", q));
    await ask(
      "actors by machine, status and state",
      `/actors?machine=bench_1&status=active&state=open.step_3&limit=${LIMIT}`,
    );
    await ask(
      "`GET /dead-letters?groupBy=fingerprint`",
      `/dead-letters?groupBy=fingerprint&limit=${LIMIT}`,
    );
    for (const path of ["/admin/metrics", "/queues"]) await ask(`\`GET ${path}\``, path);
    const { states } = await get(`${api.url}/admin/metrics`);
    const counted = Object.values(Object(states)).reduce((sum: number, n) => sum + Number(n), 0);
    if (counted < size * 0.999) throw new Error(`Counted ${counted} of ${size}`);
    return found;
  } finally {
    await server.drop(database);
  }
}

function searchFor(list: "jobs" | "actors", q: string): string {
  return `/${list}?limit=${LIMIT}&q=${encodeURIComponent(q)}`;
}

/** Page after page, as somebody who goes on and on; from the first again after the last. */
async function asked(api: string, path: string): Promise<Asked> {
  const times: number[] = [];
  let short = 0;
  let cursor: string | null = null;
  for (let n = -WARM; n < TIMES; n++) {
    const url = new URL(path, api);
    if (cursor !== null) url.searchParams.set("cursor", cursor);
    const begun = performance.now();
    const page = await get(url.href);
    if (n >= 0) times.push(performance.now() - begun);
    cursor = typeof page.nextCursor === "string" ? page.nextCursor : null;
    if (n >= 0 && Array.isArray(page.items) && page.items.length < LIMIT) short++;
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(TIMES - 1, Math.floor(TIMES * share))] ?? 0;
  return { middle: at(.5), p95: at(.95), most: at(1), short };
}

async function deepCursor(api: string, pages: number): Promise<string> {
  let cursor = "";
  for (let n = 0; n < Math.max(1, pages); n++) {
    const after = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    cursor = String((await get(`${api}/jobs?limit=1000${after}`)).nextCursor);
  }
  return cursor;
}

async function get(url: string): Promise<Record<string, unknown>> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return await answer.json();
}
