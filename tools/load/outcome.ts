/** What became of the jobs of a load, as the API tells. */
import type { Target } from "./arrivals.ts";

/** One job that has ended. */
export interface Ended {
  readonly state: string;
  /** Milliseconds since 1970, by the database's clock. */
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
}

const PATIENCE_MS = 60_000;
const LOOK_MS = 250;

/** Waits until so many have ended, and gives them; after a minute without one more, those there are. */
export async function readEnded(target: Target, wanted: number): Promise<Ended[]> {
  let [seen, since] = [-1, performance.now()];
  for (;;) {
    const ended = await readAll(target);
    if (ended.length >= wanted) return ended;
    if (ended.length > seen) [seen, since] = [ended.length, performance.now()];
    if (performance.now() - since > PATIENCE_MS) return ended;
    await new Promise((done) => setTimeout(done, LOOK_MS + ended.length / 20));
  }
}

async function readAll({ url, headers, tag }: Target): Promise<Ended[]> {
  const ended: Ended[] = [];
  let cursor: string | null = null;
  do {
    const query: string = new URLSearchParams({ tag, limit: "1000", ...cursor ? { cursor } : {} })
      .toString();
    const answer = await fetch(`${url}/jobs?${query}`, { headers });
    if (!answer.ok) throw new Error(`GET /jobs answers ${answer.status}: ${await answer.text()}`);
    const page: { items: Record<string, string | null>[]; nextCursor: string | null } = await answer
      .json();
    for (const { state, createdAt, startedAt, finishedAt } of page.items) {
      if (!state || !createdAt || !startedAt || !finishedAt) continue;
      const [created, started, finished] = [createdAt, startedAt, finishedAt].map(Date.parse);
      if (created === undefined || started === undefined || finished === undefined) continue;
      ended.push({ state, createdAt: created, startedAt: started, finishedAt: finished });
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ended;
}
