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
const OURS = /^(PERDURA|WORKER|SWEEP|JOB|RETRY|TENANT|TEST)_/;

/** Runs `main.ts` to its end, in a folder of its own. */
export async function perdura(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const { code, stdout, stderr } = await run([MAIN, ...args], settings);
  return { code, stdout, lines: linesOf(stderr) };
}

/** The same for several commands by one process: most of what a command takes is to begin. */
export async function perduraEach(
  commands: readonly (readonly string[])[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Finished[]> {
  const { stdout, stderr } = await run([EACH, JSON.stringify(commands)], settings);
  const [told, complained] = [stdout.split("\0"), stderr.split("\0")];
  return commands.map((_, index) => ({
    code: Number(told[2 * index + 1]),
    stdout: told[2 * index] ?? "",
    lines: linesOf(complained[2 * index] ?? ""),
  }));
}

/** Runs a module to its end, in a folder of its own. */
async function run(args: readonly string[], settings: Readonly<Record<string, string>>) {
  const cwd = await Deno.makeTempDir({ prefix: "perdura-cli-" });
  try {
    // As root the embedded server runs as another user, who must get through to its own folder.
    await Deno.chmod(cwd, 0o755);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...args],
      cwd,
      env: { ...plainEnvironment(), LOG_LEVEL: "error", ...settings },
      clearEnv: true,
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
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
