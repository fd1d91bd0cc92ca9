/** The real program on an embedded Postgres, for the tests in a browser. */

/** A running `start`. */
export interface Program extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Where it keeps its database. */
  readonly stateDir: string;
}

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const PATIENCE_MS = 120_000;

/** Starts everything, or a part of it, on a free port and in a folder of its own, or that of the settings. */
export async function startProgram(
  settings: Readonly<Record<string, string>> = {},
  command: "start" | "api" = "start",
): Promise<Program> {
  const dir = await Deno.makeTempDir({ prefix: "perdura-e2e-" });
  // As root the embedded server runs as another user, who must get through to its own folder.
  await Deno.chmod(dir, 0o755);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, command],
    cwd: new URL("..", import.meta.url),
    env: {
      PERDURA_STATE_DIR: `${dir}/state`,
      PORT: "0",
      LOG_LEVEL: "info",
      ...settings,
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const url = Promise.withResolvers<string>();
  const timer = setTimeout(
    () => url.reject(new Error("The program did not start")),
    PATIENCE_MS,
  );
  const reading = Promise.all(
    [child.stdout, child.stderr].map((out) => readLines(out, url.resolve)),
  ).then(() => url.reject(new Error("The program ended")));
  // Nobody waits for it any more when the program has ended later.
  url.promise.catch(() => {});
  try {
    return {
      url: await url.promise,
      pid: child.pid,
      stateDir: `${dir}/state`,
      [Symbol.asyncDispose]: async () => {
        child.kill("SIGTERM");
        await child.status;
        await reading;
        await Deno.remove(dir, { recursive: true });
      },
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Reads to the end, so that the program never waits for a reader. */
async function readLines(
  out: ReadableStream<Uint8Array>,
  onUrl: (url: string) => void,
) {
  let text: string | null = "";
  const decoder = new TextDecoder();
  for await (const chunk of out) {
    if (text === null) continue;
    text += decoder.decode(chunk, { stream: true });
    // Whole lines: a chunk may end within the port.
    const [, found] = /Listening.*(http:\/\/127\.0\.0\.1:\d+).*\n/.exec(text) ??
      [];
    if (!found) continue;
    text = null;
    onUrl(found);
  }
}

/** Sends JSON; gives the answer's body. Fails on a refusal. */
export async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** Stores a job; gives its id. */
export async function enqueue(url: string, job: object): Promise<string> {
  return String(Object(await post(`${url}/jobs`, job)).id);
}
