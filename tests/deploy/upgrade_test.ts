/**
 * A rolling upgrade: workers and API of an earlier commit go on while the schema is migrated and the new
 * ones start beside them; then the old ones stop. Every job runs, each effect is there once.
 */
import { assert, assertEquals } from "@std/assert";
import postgres from "postgres";
import { eventually } from "../support/build.ts";
import { emptyDatabase } from "../support/database.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** The last one before telemetry, drive and the edge. */
const OLD = "44b6b90";

const isKnown = await hasCommit();
const where = isKnown ? "" : ` (not shown: commit ${OLD} is not in the history of this clone)`;

/** Without git, or in a clone that is not deep enough, there is nothing to upgrade from. */
async function hasCommit(): Promise<boolean> {
  try {
    const args = ["-C", ROOT, "cat-file", "-e", `${OLD}^{commit}`];
    return (await new Deno.Command("git", { args, stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

/** A program of one of the two trees. */
class Program {
  readonly #child: Deno.ChildProcess;
  readonly #said: Promise<string>;
  #text = "";

  constructor(
    tree: string,
    args: readonly string[],
    url: string,
    more: Record<string, string> = {},
  ) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${tree}/main.ts`, ...args],
      cwd: tree,
      env: { DATABASE_URL: url, PERDURA_DEBUG: "on", NO_COLOR: "1", PORT: "0", ...more },
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#said = this.#read();
  }

  /** Where it listens, once it does. */
  async url(): Promise<string> {
    return await eventually("it listens", () => {
      return Promise.resolve(/http:\/\/127\.0\.0\.1:\d+(?=\D)/.exec(this.#text)?.[0]);
    });
  }

  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#said;
    return code;
  }

  stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    return this.ended();
  }

  get text(): string {
    return this.#text;
  }

  async #read(): Promise<string> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#text += decoder.decode(chunk, { stream: true });
    }
    return this.#text;
  }
}

/** Sends jobs until it is told to stop; whoever it sends to may change. */
class Load {
  readonly keys: string[] = [];
  #isOver = false;
  #url: string;
  #running: Promise<void>;

  constructor(url: string) {
    this.#url = url;
    this.#running = this.#run();
  }

  set url(url: string) {
    this.#url = url;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const keys = Array.from({ length: 10 }, (_, k) => `${n} ${k}`);
      const effects = keys.map((key) => ({
        type: "debug.effect",
        payload: { key },
        idempotencyKey: key,
      }));
      // An attempt that fails ends by another statement than one that succeeds.
      const jobs = [...effects, { type: "debug.fail", payload: { times: 1, message: "once" } }];
      // While the migration holds its locks the answer may be 503: nothing was stored, it is sent again.
      const send = async (): Promise<number> => {
        const response = await fetch(`${this.#url}/jobs/batch`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ jobs }),
        });
        const text = await response.text();
        assert([201, 503].includes(response.status), text);
        return response.status;
      };
      await eventually("a batch is taken", async () => await send() === 201);
      this.keys.push(...keys);
      // There is always something under way; more than that only takes longer to run.
      await new Promise((done) => setTimeout(done, 25));
    }
  }
}

Deno.test(`rolling upgrade: old and new share the database while it is migrated, nothing is lost${where}`, async () => {
  if (!isKnown) return;
  const old = await Deno.makeTempDir({ prefix: "perdura-old-" });
  await git("worktree", "add", "--detach", "--force", old, OLD);
  try {
    await using db = await emptyDatabase();
    assertEquals(await new Program(old, ["migrate"], db.url).ended(), 0);
    const [oldWorker, oldApi] = [
      new Program(old, ["worker"], db.url),
      new Program(old, ["api"], db.url),
    ];
    const load = new Load(await oldApi.url());
    const sql = postgres(db.url, { max: 1, onnotice: () => {} });
    const effects = async () => (await sql`select from debug_effect`).length;
    const retried = async () =>
      (await sql`select from perdura.job_archive where type = 'debug.fail'`).length;
    await eventually("the old worker works", async () => await effects() > 20);
    const migration = new Program(ROOT, ["migrate"], db.url);
    assertEquals(await migration.ended(), 0, migration.text);
    const migratedAt = [await effects(), await retried()] as const;
    await eventually(
      "the old worker goes on",
      async () => await effects() > migratedAt[0] + 20 && await retried() > migratedAt[1] + 20,
    );
    const [newWorker, newApi] = [
      new Program(ROOT, ["worker"], db.url),
      new Program(ROOT, ["api"], db.url),
    ];
    load.url = await newApi.url();
    const sharedAt = await effects();
    await eventually("both work", async () => await effects() > sharedAt + 50);
    assertEquals(await oldWorker.stop(), 0, oldWorker.text);
    assertEquals(await oldApi.stop(), 0, oldApi.text);
    const aloneAt = await effects();
    await eventually("the new one goes on", async () => await effects() > aloneAt + 20);
    await load.stop();
    await eventually("all have run", async () => await effects() >= load.keys.length);
    await eventually("all are retried", async () => await retried() * 10 >= load.keys.length);
    const found = await sql<{ key: string; n: number }[]>`
      select key, count(*)::int as n from debug_effect group by key`;
    assertEquals(found.filter(({ n }) => n !== 1), [], "no effect twice");
    assertEquals(found.map(({ key }) => key).toSorted(), load.keys.toSorted());
    await sql.end();
    assertEquals([await newWorker.stop(), await newApi.stop()], [0, 0]);
  } finally {
    await git("worktree", "remove", "--force", old);
  }
});

async function git(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("git", { args: ["-C", ROOT, ...args] })
    .output();
  assert(success, new TextDecoder().decode(stderr));
}
