/** The bundle in `workerd`, the runtime of Cloudflare Workers, on this machine. */
import { createRequire } from "node:module";
import { bundle } from "./bundle.ts";

/** Its package is CommonJS, and says where the program is. */
const { default: workerd, compatibilityDate }: { default: string; compatibilityDate: string } =
  createRequire(import.meta.url)("workerd");

/** A running Worker. `await using` ends it. */
export interface ServedWorker extends AsyncDisposable {
  /** Without keys. */
  readonly open: string;
  /** With keys. */
  readonly closed: string;
  /** Answers with what `scheduled` gave. */
  readonly cron: string;
}

/** Calls `scheduled`, as a cron trigger does. */
const TRIGGER = `export default {
  async fetch(request, env) {
    const result = await env.EDGE.scheduled({ scheduledTime: new Date(), cron: "* * * * *" });
    return Response.json(result);
  }
};`;

/** Bundles and serves the Worker on a database. */
export async function serveWorker(databaseUrl: string): Promise<ServedWorker> {
  const dir = await Deno.makeTempDir({ prefix: "perdura-edge-" });
  await bundle(`${dir}/worker.js`);
  await Deno.writeTextFile(`${dir}/trigger.js`, TRIGGER);
  await Deno.writeTextFile(`${dir}/config.capnp`, configOf(databaseUrl));
  const [open, closed, cron] = [freePort(), freePort(), freePort()];
  const child = new Deno.Command(workerd, {
    args: [
      ...["serve", "--experimental", `${dir}/config.capnp`],
      ...[`--socket-addr=open=127.0.0.1:${open}`, `--socket-addr=closed=127.0.0.1:${closed}`],
      `--socket-addr=cron=127.0.0.1:${cron}`,
    ],
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  await Promise.all([open, closed, cron].map((port) => untilListening(port)));
  const url = (port: number) => `http://127.0.0.1:${port}`;
  return {
    open: url(open),
    closed: url(closed),
    cron: url(cron),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** The database is on this machine: the network may go there, and nowhere else. */
function configOf(databaseUrl: string): string {
  const worker = (auth: string) =>
    `(
    modules = [ (name = "worker", esModule = embed "worker.js") ],
    compatibilityDate = "${compatibilityDate}",
    globalOutbound = "database",
    bindings = [
      (name = "DATABASE_URL", text = ${JSON.stringify(databaseUrl)}),
      (name = "AUTH", text = "${auth}"),
    ],
  )`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "open", worker = .open),
    (name = "closed", worker = .closed),
    (name = "cron", worker = .cron),
    (name = "database", network = (allow = ["local"])),
  ],
  sockets = [
    (name = "open", http = (), service = "open"),
    (name = "closed", http = (), service = "closed"),
    (name = "cron", http = (), service = "cron"),
  ],
);
const open :Workerd.Worker = ${worker("none")};
const closed :Workerd.Worker = ${worker("keys")};
const cron :Workerd.Worker = (
  modules = [ (name = "trigger", esModule = embed "trigger.js") ],
  compatibilityDate = "${compatibilityDate}",
  compatibilityFlags = ["service_binding_extra_handlers"],
  bindings = [ (name = "EDGE", service = "open") ],
);
`;
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
    if (connection) return connection.close();
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("workerd does not listen");
}
