/** A drain with traces and metrics going out by OTLP, and the same without. */
import { migrate, openStore } from "perdura";
import { meter, type Spent } from "../place/meter.ts";
import type { Server } from "../place/postgres.ts";
import { addNoops } from "../operating/noops.ts";
import { start } from "../operating/program.ts";

const QUEUE = { tenantId: "default", kind: "queue", name: "default" } as const;

/** One drain. `requests`: what the receiver was sent. */
export interface Drained extends Spent {
  readonly requests: number;
}

/** Lets one worker drain so many jobs of a database of its own. */
export async function measureDrain(
  server: Server,
  jobs: number,
  isOn: boolean,
): Promise<Drained> {
  const database = `telemetry_${crypto.randomUUID().slice(0, 8)}`;
  await server.create(database);
  const url = server.urlOf(database);
  let requests = 0;
  const receiver = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => {
      requests++;
      await request.arrayBuffer();
      return new Response("{}", { headers: { "content-type": "application/json" } });
    },
  );
  const store = openStore({ url, name: "perdura bench" });
  try {
    await migrate({ url, debug: true });
    await store.gates.setPause(QUEUE, true, false);
    await addNoops(store, jobs);
    await server.vacuum(database);
    await using worker = await start("worker", url, isOn ? environment(receiver.addr.port) : {});
    await server.settle();
    const finish = meter(server.pid, [worker.pid]);
    await store.gates.setPause(QUEUE, false, false);
    store.hint({ kind: "lanes", lanes: [] });
    await using sql = server.connect(database);
    while ((await sql`select 1 from perdura.job limit 1`).length > 0) {
      await new Promise((next) => setTimeout(next, 50));
    }
    return { ...finish(), requests };
  } finally {
    await store.close();
    await receiver.shutdown();
    await server.drop(database);
  }
}

function environment(port: number): Record<string, string> {
  return {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_SERVICE_NAME: "perdura-bench",
    // A drain lasts seconds: by default nothing would go out in it.
    ...{ OTEL_METRIC_EXPORT_INTERVAL: "1000", OTEL_BSP_SCHEDULE_DELAY: "1000" },
  };
}
