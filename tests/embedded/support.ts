/** What the tests of the embedded server share: a folder, its processes, and their certain end. */

import postgres from "postgres";
import { type Home, openHome } from "../../src/embedded/home.ts";
import { findPostmaster, isRunning } from "../../src/embedded/postmaster.ts";
import {
  attachEmbedded,
  type EmbeddedOptions,
  type EmbeddedServer,
} from "../../src/embedded/server.ts";
import { pollUntil } from "../../src/embedded/wait.ts";

export const isRoot = Deno.uid() === 0;

/** One attached child process. */
export interface Child {
  readonly pid: number;
  /** Waits for the next line that has this key, and gives the whole line. */
  next(key: "url" | "progress" | "closed"): Promise<Record<string, unknown>>;
  /** Asks it to close and waits for its exit. */
  leave(): Promise<void>;
  /** kill -9, and waits for its end. */
  kill(): Promise<void>;
}

/** A state folder of one test. Whatever a test starts through it ends with the test. */
export interface Scene {
  readonly dir: string;
  /** Not durable unless told otherwise. */
  attach(options?: Partial<EmbeddedOptions>): Promise<EmbeddedServer>;
  spawn(): Child;
  /** Folders as the server itself sees them. */
  home(): Promise<Home>;
  /** Process id of the live postmaster, or undefined. */
  serverPid(): Promise<number | undefined>;
}

/** Runs a test on a fresh folder and cleans up after it, whether it fails or not. */
export async function withScene(
  test: (scene: Scene) => Promise<void>,
  options = { isOpen: true },
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "perdura-embedded-" });
  // Temporary folders are closed to others; then root's server would move to /var/tmp.
  if (options.isOpen) await Deno.chmod(dir, 0o755);
  const attached: EmbeddedServer[] = [];
  const children: Child[] = [];
  const home = () => openHome(dir);
  const scene: Scene = {
    dir,
    home,
    serverPid: async () => (await findPostmaster(await home()))?.pid,
    attach: async (options = {}) => {
      const server = await attachEmbedded({ dir, durable: false, ...options });
      attached.push(server);
      return server;
    },
    spawn: () => {
      const child = spawnChild(dir);
      children.push(child);
      return child;
    },
  };
  try {
    await test(scene);
  } finally {
    await Promise.all(children.map((child) => child.kill()));
    await Promise.allSettled(attached.map((server) => server.close()));
    await cleanUp(await home());
  }
}

/** Waits for a condition; fails the test when it does not come true. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  timeoutMs = 180_000,
): Promise<T> {
  const answer = await pollUntil(async () => (await look()) || undefined, { timeoutMs });
  if (answer === undefined) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`);
  return answer;
}

/** One query on a connection of its own. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, connect_timeout: 60, onnotice: () => {} });
  try {
    return [...await sql.unsafe<Record<string, unknown>[]>(text)];
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Ends a process that the test started. */
export async function killHard(pid: number): Promise<void> {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await until(`the end of process ${pid}`, async () => !(await isRunning(pid)));
}

function spawnChild(dir: string): Child {
  const program = new URL("./attach_child.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", config, program, dir],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    // A process group of its own, so a test can send it what a terminal sends on Ctrl-C.
    detached: true,
  }).spawn();
  const lines = linesOf(process.stdout);
  const status = process.status;
  return {
    pid: process.pid,
    next: (key) => nextWith(lines, key),
    leave: async () => {
      await process.stdin.close();
      await status;
    },
    kill: async () => {
      await killHard(process.pid);
      await status;
      await process.stdin.close().catch(() => {});
      await lines.return();
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

async function nextWith(
  lines: AsyncGenerator<string, void>,
  key: string,
): Promise<Record<string, unknown>> {
  for (;;) {
    const { value } = await lines.next();
    if (value === undefined) throw new Error(`The child ended before it said "${key}"`);
    const line: Record<string, unknown> = JSON.parse(value);
    if (key in line) return line;
  }
}

/** The last net: a test that failed half way may have left a server behind. */
async function cleanUp(home: Home): Promise<void> {
  const server = await findPostmaster(home);
  if (server) await killHard(server.pid);
  for (const folder of new Set([home.dir, home.stateDir])) {
    // Backends of a killed server write for a moment longer.
    await until(`the removal of ${folder}`, async () => {
      return await Deno.remove(folder, { recursive: true }).then(
        () => true,
        (error) => error instanceof Deno.errors.NotFound,
      );
    });
  }
}
