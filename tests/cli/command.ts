/** Runs the program as a user would, in an environment without settings of the tests' own. */
import { settingsSchema } from "../../src/cli/settings.ts";

/** What a finished program left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  /** Of standard error, without the empty ones. */
  readonly lines: string[];
}

const MAIN = new URL("../../main.ts", import.meta.url).href;
const EACH = new URL("./each.ts", import.meta.url).href;
const RUN_MS = 180_000;
const OURS = /^(PERDURA|WORKER|SWEEP|JOB|RETRY|TENANT|TEST)_/;

/** Runs `main.ts` to its end, in a folder of its own. */
export async function perdura(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  await using folder = await emptyFolder();
  const command = new Deno.Command(Deno.execPath(), {
    ...optionsOf(folder.path, [MAIN, ...args], settings),
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), lines: linesOf(text.decode(stderr)) };
}

/** The same for several commands by one process: most of what a command takes is to begin. */
export async function perduraEach(
  commands: readonly (readonly string[])[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Finished[]> {
  await using session = await openSession(settings);
  const finished: Finished[] = [];
  for (const args of commands) finished.push(await session.run(args));
  return finished;
}

/** A process that runs one command after the other. */
export interface Session extends AsyncDisposable {
  /** @param settings Beside those of the process, which these do not name. */
  run(args: readonly string[], settings?: Readonly<Record<string, string>>): Promise<Finished>;
}

/** The same for commands of which one is what the last has answered. */
export async function openSession(
  settings: Readonly<Record<string, string>> = {},
): Promise<Session> {
  const folder = await emptyFolder();
  const child = new Deno.Command(Deno.execPath(), {
    ...optionsOf(folder.path, [EACH], settings),
    stdin: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  const [told, complained] = [child.stdout, child.stderr].map(piecesOf);
  const next = async (pieces?: AsyncGenerator<string>) => (await pieces?.next())?.value ?? "";
  return {
    run: async (args, settings = {}) => {
      // A command that serves where it should refuse would never end.
      const deadline = setTimeout(() => child.kill("SIGKILL"), RUN_MS);
      await input.write(new TextEncoder().encode(`${JSON.stringify({ args, settings })}\n`));
      const [stdout, code] = [await next(told), await next(told)];
      const lines = linesOf(await next(complained));
      await next(complained);
      clearTimeout(deadline);
      return { code: Number(code || NaN), stdout, lines };
    },
    [Symbol.asyncDispose]: async () => {
      await input.close();
      await Promise.all([next(told), next(complained), child.status]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** What is between the NULs of a stream. */
async function* piecesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const pieces = (rest + chunk).split("\0");
    rest = pieces.pop() ?? "";
    yield* pieces;
  }
}

/** A folder to run in. */
async function emptyFolder() {
  const path = await Deno.makeTempDir({ prefix: "perdura-cli-" });
  // As root the embedded server runs as another user, who must get through to its own folder.
  await Deno.chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

function optionsOf(
  cwd: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
) {
  const env = { ...plainEnvironment(), LOG_LEVEL: "error", ...settings };
  const streams = { stdout: "piped", stderr: "piped" } as const;
  return { args: ["run", "-A", ...args], cwd, env, clearEnv: true, ...streams };
}

/** The lines of a text, without the empty ones. */
function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function plainEnvironment(): Record<string, string> {
  const entries = Object.entries(Deno.env.toObject());
  return Object.fromEntries(
    entries.filter(([name]) => !(name in settingsSchema.shape) && !OURS.test(name)),
  );
}

/** A program that runs. */
export interface Running extends AsyncDisposable {
  /** Of standard error, as they come. */
  readonly lines: readonly string[];
  /** Its exit code. */
  readonly code: Promise<number>;
}

/** Starts `main.ts`; it ends with its test. */
export function startCommand(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Running {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
    env: { ...plainEnvironment(), ...settings },
    clearEnv: true,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  const reading = (async () => {
    let rest = "";
    for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
      const pieces = (rest + piece).split("\n");
      rest = pieces.pop() ?? "";
      lines.push(...pieces);
    }
  })();
  return {
    lines,
    code: child.status.then(({ code }) => code),
    [Symbol.asyncDispose]: async () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // Gone already.
      }
      await child.status;
      await reading;
    },
  };
}
