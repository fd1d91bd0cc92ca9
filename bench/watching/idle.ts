/** A worker that has nothing to do. */
import { migrate } from "perdura";
import { meter } from "../place/meter.ts";
import type { Server } from "../place/postgres.ts";
import { start } from "../operating/program.ts";

/** What it takes meanwhile. */
export interface Idle {
  /** Shares of a core. */
  readonly worker: number;
  readonly database: number;
  /** Resident, MB. */
  readonly memory: number;
}

const SETTLE_MS = 10_000;

/** Looks at one for so many seconds. */
export async function measureIdle(server: Server, seconds: number): Promise<Idle> {
  const database = `idle_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  try {
    await migrate({ url });
    await using worker = await start("worker", url);
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    const finish = meter(server.pid, [worker.pid]);
    await new Promise((done) => setTimeout(done, seconds * 1000));
    const spent = finish();
    const status = await Deno.readTextFile(`/proc/${worker.pid}/status`);
    const [, kilobytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(status) ?? [];
    return {
      worker: spent.workers / spent.seconds,
      database: spent.database / spent.seconds,
      memory: Number(kilobytes) / 1024,
    };
  } finally {
    await server.drop(database);
  }
}
