/**
 * What the process tests share: a state folder, real processes on it, and their certain end.
 *
 * Each program is a `main.ts` of its own with real signals and a real, durable PostgreSQL. Whatever a
 * scene started ends with it, by process id, whether its test fails or not; when it fails, the last
 * log lines of every program are printed.
 */
// deno-lint-ignore-file no-console -- the log lines of a failed test
import { join } from "node:path";
import postgres from "postgres";
import { openHome } from "../../src/embedded/home.ts";
import { findPostmaster, isRunning } from "../../src/embedded/postmaster.ts";
import { attachEmbedded } from "../../src/embedded/server.ts";
import { migrate } from "../../src/store/migrate.ts";
import { settingsSchema } from "../../src/cli/settings.ts";
import { eventually } from "../support/build.ts";

/** Bigger sizes: `deno task test --long`. */
export const isLong = Deno.env.get("TEST_SIZE") === "long";

/** The first in CI, the second with --long. */
export function sized(ci: number, long: number): number {
  return isLong ? long : ci;
}

/** For what takes a process start, a lease and a sweep on a busy machine. */
export const PATIENCE_MS = 180_000;

/** A lease that is over soon, looked at often. */
const SHORT = {
  PORT: "0",
  WORKER_LEASE_MS: "1500",
  SWEEP_MS: "300",
  WORKER_POLL_MS: "200",
  RETRY_BASE_MS: "100",
  PERDURA_DEBUG: "on",
};

const LOG_LINES_SHOWN = 60;
const MAIN = new URL("../../main.ts", import.meta.url).href;

/** One JSON log line. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A started program. The lines of a `start` include those of its worker. */
export class Program {
  readonly lines: LogLine[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #reading: Promise<void>;
  readonly #raw: string[] = [];
  #isRead = false;
  #status: Deno.CommandStatus | null = null;

  constructor(readonly name: string, child: Deno.ChildProcess) {
    this.#child = child;
    this.#reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    this.#reading = this.#read().catch(() => {}).finally(() => this.#isRead = true);
    void child.status.then((status) => this.#status = status);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Null while it runs. */
  get status(): Deno.CommandStatus | null {
    return this.#status;
  }

  /** SIGKILL, SIGSTOP, SIGCONT, SIGTERM. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** kill -9, and waits for its end. */
  async kill(): Promise<void> {
    if (this.#status === null) this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  /** Its exit. Bounded. */
  exit(): Promise<Deno.CommandStatus> {
    return eventually(`the end of ${this.name}`, () => Promise.resolve(this.#status), PATIENCE_MS);
  }

  /** Lines whose message begins with this. */
  logged(beginning: string): LogLine[] {
    return this.lines.filter(({ message }) => message.startsWith(beginning));
  }

  /** Waits for the first line whose message begins with this. */
  line(beginning: string): Promise<LogLine> {
    return eventually(`${this.name} logs "${beginning}"`, () => {
      const [found] = this.logged(beginning);
      if (!found && this.#isRead) throw new Error(`${this.name} ended before it logged this`);
      return Promise.resolve(found);
    }, PATIENCE_MS);
  }

  /** The address of its API. */
  async url(): Promise<string> {
    return String((await this.line("Listening on")).properties.url);
  }

  /** The id under which its worker holds leases. */
  async workerId(): Promise<string> {
    return String((await this.started()).properties.worker);
  }

  /** The line of its first worker: with process id and worker id. */
  started(): Promise<LogLine> {
    return eventually(`${this.name} starts a worker`, () => {
      const [line] = this.logged("Worker ").filter((line) => "pid" in line.properties);
      if (!line && this.#isRead) throw new Error(`${this.name} ended before it started one`);
      return Promise.resolve(line);
    }, PATIENCE_MS);
  }

  /** One value of the worker's /metrics; it needs WORKER_HTTP_PORT. */
  async metric(name: string): Promise<number> {
    const { port } = (await this.line("Worker health on port")).properties;
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    const text = await response.text();
    const value = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`No metric "${name}" in:\n${text}`);
    return Number(value);
  }

  /** The end of its standard error, as it came; whether it runs. */
  tail(): string {
    const { code, signal } = this.#status ?? { code: null, signal: null };
    const fate = this.#status ? `ended, exit code ${code}, signal ${signal}` : "runs";
    return [...this.#raw.slice(-LOG_LINES_SHOWN), fate].join("\n");
  }

  async dispose(): Promise<void> {
    await this.kill();
    // A worker that outlived its `start` still holds the other end.
    await this.#reader.cancel().catch(() => {});
    await this.#reading;
  }

  async #read(): Promise<void> {
    let rest = "";
    while (true) {
      const { done, value } = await this.#reader.read();
      const lines = (rest + (value ?? "\n")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
      if (done) return;
    }
  }

  #take(text: string): void {
    if (text === "") return;
    this.#raw.push(text);
    if (!text.startsWith("{")) return;
    try {
      this.lines.push(JSON.parse(text));
    } catch {
      // Cut off by a kill.
    }
  }
}

/** A command of main.ts. */
export type Command = "start" | "api" | "worker";

/** One state folder, its programs and its database. */
export class Scene {
  readonly #programs: Program[] = [];
  #sql: postgres.Sql | null = null;

  constructor(readonly dir: string) {}

  /** Starts a program on this folder, with short leases unless told otherwise. */
  run(command: Command, settings: Readonly<Record<string, string>> = {}): Program {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", MAIN, command],
      clearEnv: true,
      env: { ...inherited(), ...SHORT, PERDURA_STATE_DIR: this.dir, ...settings },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const name = `${command} ${this.#programs.length + 1} (process ${child.pid})`;
    const program = new Program(name, child);
    this.#programs.push(program);
    return program;
  }

  /** Runs a program and waits until its worker has reached the database. */
  async worker(settings: Readonly<Record<string, string>> = {}): Promise<Program> {
    const program = this.run("worker", settings);
    await program.started();
    return program;
  }

  /** The address of the embedded server, as it stands in the state folder. */
  async databaseUrl(): Promise<string> {
    return (await Deno.readTextFile(join(this.dir, "database-url"))).trim();
  }

  /** A connection of the test itself. A program must have listened before. */
  async sql(): Promise<postgres.Sql> {
    this.#sql ??= postgres(await this.databaseUrl(), {
      max: 2,
      backoff: () => 0.1,
      connect_timeout: 60,
      onnotice: () => {},
    });
    return this.#sql;
  }

  /** Process id of the live postmaster. */
  async serverPid(): Promise<number | undefined> {
    return (await findPostmaster(await openHome(this.dir)))?.pid;
  }

  /** The end of every program's log, for a test that failed. */
  report(): string {
    return this.#programs.map((p) => `── ${p.name} ${"─".repeat(20)}\n${p.tail()}`).join("\n");
  }

  async dispose(): Promise<void> {
    await this.#sql?.end({ timeout: 1 }).catch(() => {});
    const workers = this.#programs.flatMap(({ lines }) => lines)
      .map(({ properties }) => properties.pid).filter((pid) => typeof pid === "number");
    await Promise.all(this.#programs.map((program) => program.dispose()));
    for (const pid of workers) if (await isOfScene(pid, this.dir)) await end(pid);
    const server = await this.serverPid();
    if (server !== undefined) await end(server, "SIGQUIT");
    const { dir, stateDir } = await openHome(this.dir);
    for (const folder of new Set([dir, stateDir])) await remove(folder);
  }
}

/** Runs a test on a state folder of its own, and leaves nothing behind. */
export async function withScene(test: (scene: Scene) => Promise<void>): Promise<void> {
  const dir = await emptyFolder();
  const seed = await (made ??= makeSeed());
  const { success } = await new Deno.Command("cp", { args: ["-a", `${seed}/.`, dir] }).output();
  if (!success) throw new Error(`Cannot copy ${seed}`);
  const scene = new Scene(dir);
  try {
    await test(scene);
  } catch (error) {
    console.error(scene.report());
    throw error;
  } finally {
    await scene.dispose();
  }
}

let made: Promise<string> | undefined;

/**
 * A state folder whose database has been made and migrated, for all scenes of a file to begin as copies of:
 * making one takes longer than many a test. What a first start does is shown in tests/embedded and tests/cli.
 */
async function makeSeed(): Promise<string> {
  const dir = await emptyFolder();
  addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));
  const server = await attachEmbedded({ dir, durable: false, onProgress: () => {} });
  await migrate({ url: server.url, debug: true });
  await server.close();
  return dir;
}

async function emptyFolder(): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "perdura-chaos-" });
  // As root the server runs as another user, who must get through to its own folder.
  await Deno.chmod(dir, 0o755);
  return dir;
}

/** Waits until a process is gone. */
export async function untilGone(what: string, pid: number): Promise<void> {
  await eventually(`the end of ${what}`, async () => !await isRunning(pid), PATIENCE_MS);
}

/** Ends one process of the scene; kill -9 when it does not hear. */
async function end(pid: number, signal: Deno.Signal = "SIGKILL"): Promise<void> {
  const isGone = async () => !await isRunning(pid);
  kill(pid, signal);
  await eventually(`the end of process ${pid}`, isGone, 10_000).catch(async () => {
    kill(pid, "SIGKILL");
    await untilGone(`process ${pid}`, pid);
  });
}

function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Process ids are used again: only one with our folder in its environment is ours to end. */
async function isOfScene(pid: number, dir: string): Promise<boolean> {
  const environment = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "");
  return environment.includes(dir);
}

/** Backends of a killed server write for a moment longer. */
async function remove(folder: string): Promise<void> {
  await eventually(`the removal of ${folder}`, () =>
    Deno.remove(folder, { recursive: true }).then(
      () => true,
      (error) => error instanceof Deno.errors.NotFound,
    ));
}

/** The environment without settings: those of the test run are not meant for the programs. */
function inherited(): Record<string, string> {
  const isSetting = (name: string) =>
    name in settingsSchema.shape || /^(PERDURA|TEST|WORKER|SWEEP|JOB|RETRY|TENANT)_/.test(name);
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !isSetting(name)),
  );
}
