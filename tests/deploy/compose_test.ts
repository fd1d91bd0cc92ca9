/** The services of the compose file by hand: the image's files and permissions, their commands and environment. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { emptyDatabase } from "../support/database.ts";
import { eventually } from "../support/build.ts";
import { readCompose } from "./files.ts";
import { buildImage, type Image } from "./image.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** One container, as a process of this machine. */
class Container {
  readonly #child: Deno.ChildProcess;
  #text = "";
  readonly #reading: Promise<unknown>;

  constructor(
    { folder }: Image,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: folder,
      env: { ...environment, NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
  }

  get text(): string {
    return this.#text;
  }

  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#reading;
    return code;
  }

  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    return await this.ended();
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#text += decoder.decode(chunk, { stream: true });
  }
}

/** The image's entry point with a service's command, for a process here. */
async function commandOf(image: Image, service: string, stateDir: string): Promise<string[]> {
  const { services } = await readCompose();
  return [...image.entry(stateDir), ...services[service]?.command ?? []];
}

/** Its environment, with what the network of compose would have given. */
async function environmentOf(service: string, url: string, stateDir: string) {
  const { environment = {} } = (await readCompose()).services[service] ?? {};
  const written = Object.fromEntries(
    Object.entries(environment).map((
      [name, value],
    ) => [name, value.replace(/\$\{\w+:-([^}]*)\}/, "$1")]),
  );
  return {
    ...written,
    DATABASE_URL: url,
    PERDURA_STATE_DIR: stateDir,
    PORT: "0",
    WORKER_HTTP_PORT: "0",
  };
}

Deno.test("compose by hand: setup makes a key once, the API wants it, workers run the job, SIGTERM is clean", async () => {
  await using db = await emptyDatabase();
  await using image = await buildImage();
  const stateDir = await Deno.makeTempDir();
  const start = async (service: string) =>
    new Container(
      image,
      await commandOf(image, service, stateDir),
      await environmentOf(service, db.url, stateDir),
    );
  const setup = await start("setup");
  assertEquals(await setup.ended(), 0, setup.text);
  const [key = ""] = /perdura_[0-9a-f]{32}_[\w-]{43}/.exec(setup.text) ?? [];
  assert(key !== "", setup.text);
  const again = await start("setup");
  assertEquals(await again.ended(), 0);
  assertMatch(again.text, /already/);

  const [api, ...workers] = await Promise.all([start("api"), start("worker"), start("worker")]);
  assert(api);
  const port = await eventually("the API listens", () => {
    return Promise.resolve(/http:\/\/0\.0\.0\.0:(\d+)\D/.exec(api.text)?.[1]);
  });
  const url = `http://127.0.0.1:${port}`;
  assertEquals((await fetch(`${url}/jobs`)).status, 401);
  assertEquals((await fetch(`${url}/health/ready`)).status, 200);
  const submit = (environment: Record<string, string>) =>
    new Deno.Command("bash", {
      args: [`${ROOT}scripts/submit-job.sh`, "debug.noop", '{"n": 1}', '{"tags": ["by hand"]}'],
      env: { PERDURA_URL: url, ...environment },
    }).output();
  assertEquals((await submit({ PERDURA_KEY: "" })).code, 1);
  const submitted = await submit({ PERDURA_KEY: key });
  assertEquals(submitted.code, 0, new TextDecoder().decode(submitted.stderr));
  const id = new TextDecoder().decode(submitted.stdout).trim();
  const headers = { authorization: `Bearer ${key}` };
  await eventually("a worker runs it", async () => {
    const job = await (await fetch(`${url}/jobs/${id}`, { headers })).json();
    return job.state === "succeeded" && job.tags[0] === "by hand";
  });
  // What is read when it is asked for: the pages, a chart, which is laid out in a thread, the document.
  const page = await (await fetch(`${url}/ui/`, { headers })).text();
  assertMatch(page, /<script/);
  for (const path of ["/machines/order/chart.svg", "/openapi.json", "/metrics", "/docs"]) {
    const response = await fetch(url + path, { headers });
    assertEquals(response.status, 200, `${path}: ${await response.text()}`);
  }
  // And what handlers write.
  const stored = await fetch(`${url}/jobs`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({
      type: "email.send",
      payload: { to: "ada@example.com", subject: "Hello" },
    }),
  });
  const mail = await stored.json();
  await eventually("the mail is written", async () => {
    const job = await (await fetch(`${url}/jobs/${mail.id}`, { headers })).json();
    assert(job.state !== "dead_letter", JSON.stringify(job.lastError));
    return job.state === "succeeded";
  });
  assertEquals(await Promise.all([api, ...workers].map((one) => one?.stop())), [0, 0, 0]);
  await Deno.remove(stateDir, { recursive: true });
});
