/** A `main.ts` of its own on a database of the run. */
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** A started program. `await using` ends it. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Of an API. */
  readonly url: string;
}

/** Starts it, and waits until it says that it is there. */
export async function start(
  command: "api" | "worker",
  databaseUrl: string,
  environment: Record<string, string> = {},
): Promise<Program> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", CONFIG, MAIN, command],
    env: { DATABASE_URL: databaseUrl, PORT: "0", PERDURA_DEBUG: "on", ...environment },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const wanted = command === "api" ? /Listening on.*?(http:\/\/[\d.]+:\d+)/s : /Worker [^\n]*\n/;
  let found: RegExpExecArray | null = null;
  while (!(found = wanted.exec(text))) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`${command} ended: ${text}`);
    text += value;
  }
  const read = async (): Promise<void> => {
    while (!(await lines.read()).done);
  };
  const reading = read();
  return {
    pid: child.pid,
    url: found[1] ?? "",
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await Promise.all([child.status, reading]);
    },
  };
}
