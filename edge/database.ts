/** A migrated database for the tests here: the one of the API of this repository, in its own process. */

/** A running API and its database. `await using` ends both. */
export interface Home extends AsyncDisposable {
  /** Of PostgreSQL. */
  readonly databaseUrl: string;
  /** Of the API. */
  readonly api: string;
}

/** Starts the API on an embedded database of its own. */
export async function startHome(): Promise<Home> {
  const dir = await Deno.makeTempDir({ prefix: "perdura-edge-home-" });
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "main.ts", "api"],
    cwd: new URL("..", import.meta.url),
    env: { PERDURA_STATE_DIR: dir, PORT: "0", NO_COLOR: "1", DATABASE_URL: "", AUTH: "" },
    stdout: "null",
    // Where it logs.
    stderr: "piped",
  }).spawn();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const reading = readUrl(child.stderr, resolve).then(() => reject(new Error("The API ended")));
  const api = await promise;
  const databaseUrl = (await Deno.readTextFile(`${dir}/database-url`)).trim();
  return {
    api,
    databaseUrl,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.status;
      await reading;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Reads to the end, so that the API never waits for a reader. */
async function readUrl(
  output: ReadableStream<Uint8Array>,
  found: (url: string) => void,
): Promise<void> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of output) {
    text += decoder.decode(chunk, { stream: true });
    // Whole: a chunk may end within the port.
    const [url] = /http:\/\/127\.0\.0\.1:\d+(?=\D)/.exec(text) ?? [];
    if (url) found(url);
  }
}
