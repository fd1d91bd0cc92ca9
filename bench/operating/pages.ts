/** Pages, groups and counts of a small and of a large database, as the API gives them. */
import { migrate } from "perdura";
import type { Server } from "../place/postgres.ts";
import { start } from "./program.ts";

const TIMES = 20;
/** Pages of a thousand that are gone through before the deep one is taken. */
const DEEP = 50;

/** Milliseconds of each request, by size of the database. */
export async function measurePages(
  server: Server,
  sizes: readonly number[],
): Promise<string[][]> {
  const columns: Map<string, number>[] = [];
  for (const size of sizes) columns.push(await pagesOf(server, size));
  return [...columns[0]?.keys() ?? []].map((request) => [
    request,
    ...columns.map((column) => (column.get(request) ?? 0).toFixed(1)),
  ]);
}

async function pagesOf(server: Server, size: number): Promise<Map<string, number>> {
  const database = `pages_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  try {
    await migrate({ url });
    for (const [table, share] of [["job", 5], ["job_archive", 4], ["dead_letter", 1]] as const) {
      await server.run(database, fillOf(table, Math.floor(size * share / 10)));
    }
    await server.vacuum(database);
    await using api = await start("api", url);
    const found = new Map<string, number>();
    const ask = async (name: string, path: string) => {
      found.set(name, await middleOf(() => get(api.url + path)));
    };
    await ask("`GET /jobs`, first page", "/jobs?limit=50");
    const cursor = await deepCursor(api.url, Math.min(DEEP, Math.floor(size / 2_000)));
    await ask("the same, far behind", `/jobs?limit=50&cursor=${encodeURIComponent(cursor)}`);
    await ask("`?state=dead_letter`", "/jobs?state=dead_letter&limit=50");
    await ask("`?q=` by state and time", `/jobs?limit=50&q=${encodeURIComponent(QUERY)}`);
    await ask("`?q=` by payload, none is like it", `/jobs?limit=50&q=${encodeURIComponent(NONE)}`);
    await ask(
      "`GET /dead-letters?groupBy=fingerprint`",
      "/dead-letters?groupBy=fingerprint&limit=50",
    );
    await ask("`GET /admin/metrics`", "/admin/metrics");
    await ask("`GET /queues`", "/queues");
    const { states } = await get(`${api.url}/admin/metrics`);
    const counted = Object.values(Object(states)).reduce((sum: number, n) => sum + Number(n), 0);
    if (counted < size * 0.999) throw new Error(`Counted ${counted} of ${size}`);
    return found;
  } finally {
    await server.drop(database);
  }
}

const QUERY = "state:succeeded created>2020-01-01";
const NONE = "payload.order:-1";

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

async function middleOf(work: () => Promise<unknown>): Promise<number> {
  await work();
  const times: number[] = [];
  for (let n = 0; n < TIMES; n++) {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[TIMES >> 1] ?? 0;
}

const states = { job: "pending", job_archive: "succeeded", dead_letter: "dead_letter" };

/** Jobs of the last hours, ten milliseconds apart, and what the counters say of them. */
export function fillOf(table: keyof typeof states, count: number): string {
  const ended = table === "job" ? "" : ", has_output";
  const shift = Object.keys(states).indexOf(table);
  const state = `(select code from perdura.state_name where name = '${states[table]}')`;
  return `
    with filled as (
      insert into perdura.${table} (
        tenant_id, id, lane, run_at, created_at, timeout_ms, version, state, priority, attempt,
        max_attempts, crashes, max_crashes, has_data, queue, type, payload${ended})
      select 'default',
             (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 30 * n - ${shift}), 12, '0')
              || '7' || substr(md5(n || '${table}'), 1, 3) || '8'
              || substr(md5(n || '${table}'), 4, 15))::uuid,
             1, now(), now() - n * interval '30 milliseconds', 60000, 3, ${state}, 0, 1, 3, 0, 3, false,
             'default', 'bench.nobody', json_build_object('order', n)${
    table === "job" ? "" : ", false"
  }
        from generate_series(1, ${count}) n returning 1)
    insert into perdura.counter_delta (tenant_id, queue, to_state, n)
    select 'default', 'default', ${state}, count(*) from filled`;
}
