/** `GET /metrics` beside a full database. */
import { migrate } from "perdura";
import type { Server } from "../place/postgres.ts";
import { fillOf } from "../operating/filling.ts";
import { start } from "../operating/program.ts";

/** How long answers take, milliseconds. */
export interface Scraped {
  readonly middle: number;
  readonly most: number;
  /** Lines of the answer. */
  readonly lines: number;
}

const TIMES = 30;
/** So that none is answered from what the one before has found. */
const APART_MS = 200;

/** Scrapes an API of so many jobs. */
export async function measureScraping(server: Server, jobs: number): Promise<Scraped> {
  const database = `scraping_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  try {
    await migrate({ url });
    for (const [table, share] of [["job", 5], ["job_archive", 4], ["dead_letter", 1]] as const) {
      await server.run(database, fillOf(table, Math.floor(jobs * share / 10)));
    }
    await server.vacuum(database);
    await using api = await start("api", url);
    const times: number[] = [];
    let text = "";
    for (let n = 0; n <= TIMES; n++) {
      const begun = performance.now();
      const answer = await fetch(`${api.url}/metrics`);
      text = await answer.text();
      if (!answer.ok) throw new Error(`/metrics: ${answer.status} ${text}`);
      times.push(performance.now() - begun);
      await new Promise((done) => setTimeout(done, APART_MS));
    }
    // The first one connects and compiles.
    const rest = times.slice(1).sort((a, b) => a - b);
    const lines = text.split("\n").length;
    return { middle: rest[rest.length >> 1] ?? 0, most: rest.at(-1) ?? 0, lines };
  } finally {
    await server.drop(database);
  }
}
