/** The real program on an embedded Postgres, for the tests in a browser. */

/** A running `start`. */
export interface Program extends AsyncDisposable {
  readonly url: string;
}

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const PATIENCE_MS = 120_000;

/** Starts everything on a free port and in a folder of its own; `await using` ends it. */
export async function startProgram(): Promise<Program> {
  const dir = await Deno.makeTempDir({ prefix: "perdura-e2e-" });
  // As root the embedded server runs as another user, who must get through to its own folder.
  await Deno.chmod(dir, 0o755);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "start"],
    cwd: new URL("..", import.meta.url),
    env: { PERDURA_STATE_DIR: `${dir}/state`, PORT: "0", LOG_LEVEL: "info" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const url = Promise.withResolvers<string>();
  const timer = setTimeout(() => url.reject(new Error("The program did not start")), PATIENCE_MS);
  const reading = Promise.all([child.stdout, child.stderr].map((out) => readLines(out, url.resolve)));
  try {
    return {
      url: await url.promise,
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

async function readLines(out: ReadableStream<Uint8Array>, onUrl: (url: string) => void) {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of out) {
    text += decoder.decode(chunk, { stream: true });
    const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(text) ?? [];
    if (found && text.includes("Listening")) onUrl(found);
  }
}

/** Stores a job; gives its id. */
export async function enqueue(url: string, job: object): Promise<string> {
  const response = await fetch(`${url}/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(job),
  });
  const body: unknown = await response.json();
  if (response.status !== 201 || typeof body !== "object" || body === null || !("id" in body)) {
    throw new Error(`Not stored: ${response.status}`);
  }
  return String(body.id);
}
