/** A process of its own on a database of the run. */
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const BARE_API = new URL("bare_api.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** A started program. `await using` ends it. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Of an API. */
  readonly url: string;
}

const API_IS_THERE = /Listening on.*?(http:\/\/[\d.]+:\d+)/s;
const WORKER_IS_THERE = /Worker [^\n]*\n/;

/** Starts `main.ts`, and waits until it says that it is there. */
export function start(
  command: "api" | "worker",
  databaseUrl: string,
  environment: Record<string, string> = {},
): Promise<Program> {
  const wanted = command === "api" ? API_IS_THERE : WORKER_IS_THERE;
  return run([MAIN, command], wanted, databaseUrl, environment);
}

/** Starts the least API that there could be. */
export function startBareApi(databaseUrl: string): Promise<Program> {
  return run([BARE_API], API_IS_THERE, databaseUrl, {});
}

async function run(
  script: readonly string[],
  wanted: RegExp,
  databaseUrl: string,
  environment: Record<string, string>,
): Promise<Program> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", CONFIG, ...script],
    env: { DATABASE_URL: databaseUrl, PORT: "0", PERDURA_DEBUG: "on", ...environment },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let found: RegExpExecArray | null = null;
  while (!(found = wanted.exec(text))) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`${script.join(" ")} ended: ${text}`);
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
