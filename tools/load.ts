/**
 * `deno task load`: jobs arrive in an open loop, are run by workers, and what they had to wait is told as
 * text and as a plot. Without `--url` it starts a server and a worker of its own.
 */
import { dirname, join } from "node:path";
import { arrivalTimes, sendAll } from "./load/arrivals.ts";
import { type Flags, readFlags, USAGE } from "./load/flags.ts";
import { readEnded } from "./load/outcome.ts";
import { plotOf } from "./load/plot.ts";
import { reportOf, textOf } from "./load/report.ts";

const START_MS = 120_000;

/** Sends the load, waits for its end, writes the plot, and gives the text. */
async function run(flags: Flags, url: string): Promise<string> {
  const headers: Record<string, string> = flags.key === null
    ? {}
    : { authorization: `Bearer ${flags.key}` };
  const target = { url, headers, tag: `load-${crypto.randomUUID().slice(0, 8)}` };
  const times = arrivalTimes(flags.rate, flags.seconds, Math.random);
  const sent = await sendAll(times, flags.mix, target);
  const taken = sent.filter(({ id }) => id !== null).length;
  const report = reportOf(sent, await readEnded(target, taken));
  await Deno.mkdir(dirname(flags.out), { recursive: true });
  await Deno.writeTextFile(flags.out, plotOf(report));
  return `${textOf(report, flags.seconds)}\nplot ${flags.out}`;
}

/** A `start` of its own in a folder of its own. */
async function withServer<T>(work: (url: string) => Promise<T>): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "perdura-load-" });
  await Deno.chmod(dir, 0o755);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "main.ts", "start"],
    cwd: new URL("..", import.meta.url),
    env: {
      PORT: "0",
      PERDURA_STATE_DIR: join(dir, "state"),
      PERDURA_DEBUG: "on",
      LOG_LEVEL: "info",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  try {
    return await work(await listening(child.stderr));
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await Deno.remove(dir, { recursive: true }).catch(() => {});
  }
}

/** The address in its log; reads on, so that it can go on writing. */
async function listening(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const late = setTimeout(() => reject(new Error("The server does not start")), START_MS);
  void (async () => {
    let log = "";
    for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
      log = (log + text).slice(-10_000);
      const [, url] = /Listening on .*?(http:\/\/127\.0\.0\.1:\d+)/.exec(log) ?? [];
      if (url) resolve(url);
    }
    reject(new Error(`The server has ended:\n${log}`));
  })();
  return await promise.finally(() => clearTimeout(late));
}

async function print(stream: typeof Deno.stdout, text: string): Promise<void> {
  await stream.write(new TextEncoder().encode(`${text}\n`));
}

if (import.meta.main) {
  const flags = readFlags(Deno.args);
  if (typeof flags === "string") {
    await print(Deno.stderr, `${flags}\n\n${USAGE}`);
    Deno.exit(2);
  }
  try {
    const { url } = flags;
    await print(
      Deno.stdout,
      url ? await run(flags, url) : await withServer((own) => run(flags, own)),
    );
  } catch (error) {
    await print(Deno.stderr, error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
