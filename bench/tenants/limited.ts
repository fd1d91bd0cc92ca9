/** The same jobs of one tenant, of one whose limits were taken away, of a thousand, and of a thousand with limits. */
import { migrate, openStore } from "perdura";
import { NO_LIMITS } from "../../src/core/gate.ts";
import { meter, type Spent } from "../place/meter.ts";
import type { Server } from "../place/postgres.ts";
import { addNoops, NOOP } from "../operating/noops.ts";
import { start } from "../operating/program.ts";

/** Whose the jobs are. */
export type Whose = "one tenant" | "limits off" | "tenants" | "limited tenants";

const TENANTS = 1_000;
const ALL_OF_TYPE = { tenantId: null, kind: "type", name: NOOP } as const;
/** Wide enough to hold nobody up: what is measured is the counting. */
const WIDE = { ratePerMinute: 100_000, burst: 1_000, concurrency: 100, weight: 1, backlog: null };

/** Lets one worker drain so many jobs of a database of its own. */
export async function measureLimited(server: Server, whose: Whose, jobs: number): Promise<Spent> {
  const database = `tenants_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  const store = openStore({ url, name: "perdura bench" });
  try {
    await migrate({ url, debug: true });
    await store.gates.setPause(ALL_OF_TYPE, true, false);
    const tenants = whose === "one tenant" || whose === "limits off" ? 1 : TENANTS;
    await addNoops(store, jobs, (n) => nameOf(n % tenants));
    if (whose === "limits off" || whose === "limited tenants") {
      for (let n = 0; n < tenants; n++) {
        const tenant = { tenantId: nameOf(n), kind: "tenant", name: "" } as const;
        await store.gates.setLimits(tenant, WIDE);
        if (whose === "limits off") await store.gates.setLimits(tenant, NO_LIMITS);
      }
    }
    await server.vacuum(database);
    await using worker = await start("worker", url);
    await server.settle();
    const finish = meter(server.pid, [worker.pid]);
    await store.gates.setPause(ALL_OF_TYPE, false, false);
    store.hint({ kind: "lanes", lanes: [] });
    await using sql = server.connect(database);
    while ((await sql`select 1 from perdura.job limit 1`).length > 0) {
      await new Promise((next) => setTimeout(next, 50));
    }
    return finish();
  } finally {
    await store.close();
    await server.drop(database);
  }
}

function nameOf(n: number): string {
  return `tenant-${n}`;
}
