/** Debian's Redis on a free port, in a folder of its own. */
import { command } from "./install.ts";

/** A running Redis. */
export interface Redis {
  readonly url: string;
  readonly pid: number;
  readonly version: string;
  readonly persistence: string;
  close(): Promise<void>;
}

/**
 * Starts it. `default`: as the package configures it, snapshots alone. `always`: an append-only file
 * flushed at every write, which is what PostgreSQL promises with every commit.
 */
export async function startRedis(
  program: string,
  folder: string,
  persistence: "default" | "always",
): Promise<Redis> {
  await Deno.mkdir(folder, { recursive: true });
  const port = freePort();
  const saves = ["--save", "900 1", "--save", "300 10", "--save", "60 10000"];
  const appends = ["--appendonly", "yes", "--appendfsync", "always"];
  const child = new Deno.Command(program, {
    args: [
      ...[
        "--port",
        String(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        folder,
        "--daemonize",
        "no",
      ],
      ...(persistence === "default" ? saves : appends),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await untilListening(port);
  const version = /v=(\S+)/.exec(await command(program, ["--version"]))?.[1] ??
    "unknown";
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    version,
    persistence: persistence === "default" ? "RDB snapshots (Debian's default)" : "AOF, always",
    async close() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      using _ = await Deno.connect({ hostname: "127.0.0.1", port });
      return;
    } catch {
      await new Promise((done) => setTimeout(done, 50));
    }
  }
  throw new Error("Redis does not listen");
}
