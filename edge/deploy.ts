/** The entry of Deno Deploy under `deno serve`, which runs the same module with the same interface. */

/** What it may do. */
const FLAGS = ["--unstable-cron", "--allow-env", "--allow-net", "--allow-read", "--allow-sys"];

/** A running entry. `await using` ends it, if `stop` has not. */
export interface ServedEntry extends AsyncDisposable {
  readonly url: string;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number>;
}

/** Serves it on a database, with AUTH=none. */
export async function serveEntry(databaseUrl: string): Promise<ServedEntry> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["serve", ...FLAGS, "--host=127.0.0.1", "--port=0", "edge/deno_deploy.ts"],
    cwd: new URL("..", import.meta.url),
    env: { DATABASE_URL: databaseUrl, AUTH: "none", NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let log = "";
  let url: string | undefined;
  while (url === undefined) {
    const { done, value = "" } = await lines.read();
    log += value;
    url = /http:\/\/127\.0\.0\.1:\d+(?=\D)/.exec(log)?.[0];
    if (done && url === undefined) throw new Error(`The entry ended:\n${log}`);
  }
  const reading = (async () => {
    while (!(await lines.read()).done);
  })();
  let isRunning = true;
  const status = child.status.finally(() => isRunning = false);
  return {
    url,
    stop: async () => {
      child.kill("SIGTERM");
      return (await status).code;
    },
    [Symbol.asyncDispose]: async () => {
      if (isRunning) child.kill("SIGKILL");
      await status;
      await reading;
    },
  };
}
