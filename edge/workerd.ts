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

const SOCKETS = ["open", "closed", "cron"] as const;
type Socket = typeof SOCKETS[number];

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
  const child = new Deno.Command(workerd, {
    args: [
      ...["serve", "--experimental", `${dir}/config.capnp`, "--control-fd=1"],
      ...SOCKETS.map((name) => `--socket-addr=${name}=127.0.0.1:0`),
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const found = Promise.withResolvers<Record<Socket, string>>();
  const reading = readAddresses(child.stdout, found.resolve)
    .then(() => found.reject(new Error("workerd ended")));
  return {
    ...await found.promise,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.status;
      await reading;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Reads where each socket listens, a line of JSON each, and the rest to the end. */
async function readAddresses(
  output: ReadableStream<Uint8Array<ArrayBuffer>>,
  onAll: (urls: Record<Socket, string>) => void,
): Promise<void> {
  const ports = new Map<string, number>();
  let rest = "";
  for await (const text of output.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, socket, port] = /"event":"listen","socket":"(\w+)","port":(\d+)/.exec(line) ?? [];
      if (socket) ports.set(socket, Number(port));
    }
    const url = (name: Socket) => `http://127.0.0.1:${ports.get(name)}`;
    if (SOCKETS.every((name) => ports.has(name))) {
      onAll({ open: url("open"), closed: url("closed"), cron: url("cron") });
    }
  }
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
