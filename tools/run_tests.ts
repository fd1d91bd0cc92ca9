// deno-lint-ignore-file no-console -- what a tool has to say, it prints
/**
 * The test command: `deno task test [--unit] [--long] [path …]`.
 *
 * Brings its own database unless TEST_DATABASE_URL names one, runs `deno test` beside the type check,
 * and ends in one plain line, `N passed, N failed`. Never name this file test.ts: deno would take it
 * for a test, and it would run itself for ever.
 */
import { addFastStorage } from "./fast_storage.ts";
import { addCounts, type Counts, countTests, formatCounts, mergeReports } from "./junit.ts";
import {
  CONFIG,
  MERGED_REPORT,
  planSteps,
  readOptions,
  REPORTS,
  SOURCES,
  type TestStep,
} from "./test_plan.ts";
import { together } from "./together.ts";

/** How long a test process may take to end after an interrupt. */
const GRACE_MS = 5_000;

/** By the convention of shells: 128 and the number of the signal. */
const EXIT_CODES: Partial<Record<Deno.Signal, number>> = { SIGINT: 130, SIGTERM: 143 };

const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

/** A database for the tests; disposing of it leaves nothing behind. */
interface TestDatabase extends AsyncDisposable {
  readonly url: string;
}

if (import.meta.main) {
  Deno.chdir(new URL("..", import.meta.url));
  Deno.exit(await main(Deno.args));
}

/** Runs the tests and returns the exit code. The summary is printed last, after the database is gone. */
async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === "string") {
    console.error(options);
    return 2;
  }
  const interrupt = listenForInterrupt();
  await removeReports();
  const env = {
    NO_COLOR: "1",
    TEST_SIZE: options.long ? "long" : "ci",
    // Most tests wait for the database most of the time.
    DENO_JOBS: String(navigator.hardwareConcurrency + 1),
  };
  const counts: Counts[] = [];
  const steps = planSteps(options, hasTests);
  try {
    const isAll = options.paths.length === 0 && !options.unit;
    const targets = steps.flatMap(({ targets }) => targets).flatMap(testsBelow);
    await using database = options.unit ? undefined : await openDatabase();
    const url = database && { TEST_DATABASE_URL: database.url, TEST_OWN_SERVER: "1" };
    const wrong = new AbortController();
    const stop = AbortSignal.any([interrupt, wrong.signal]);
    let turn: Promise<Counts> | undefined;
    const runs = steps.map((step) => turn = runStep(step, { ...env, ...url }, stop, turn));
    runs.push(checkTypes(isAll ? SOURCES : targets, wrong, stop));
    counts.push(...await together(runs, wrong));
  } catch (error) {
    console.error(error);
    counts.push({ ...NOTHING, failed: 1 });
  }
  await mergeWritten();
  const total = addCounts(counts);
  console.log(`\n${formatCounts(total)}`);
  if (interrupt.aborted) return EXIT_CODES[interrupt.reason as Deno.Signal] ?? 1;
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/**
 * Aborts at the first interrupt. A second one changes nothing: in a terminal under `deno task` both
 * the terminal and the task runner deliver the same Ctrl-C.
 */
function listenForInterrupt(): AbortSignal {
  const controller = new AbortController();
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const name of signals) Deno.addSignalListener(name, () => controller.abort(name));
  return controller.signal;
}

/** The database the environment names, or an embedded one that nobody will miss. */
async function openDatabase(): Promise<TestDatabase> {
  const given = Deno.env.get("TEST_DATABASE_URL");
  if (given) return { url: given, [Symbol.asyncDispose]: () => Promise.resolve() };
  const dir = await Deno.makeTempDir({ prefix: "perdura-test-" });
  const remove = () => Deno.remove(dir, { recursive: true });
  try {
    // As root the server runs as another user, who must get through to its own folder.
    await Deno.chmod(dir, 0o755);
    const { attachEmbedded } = await import("../src/embedded/server.ts");
    const onProgress = (line: string) => console.error(line);
    const server = await attachEmbedded({ dir, durable: false, onProgress });
    const storage = await addFastStorage(server.url, server.dataDir);
    return {
      url: server.url,
      [Symbol.asyncDispose]: async () => {
        await server.close().finally(remove);
        await storage[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * Runs one `deno test` to its end, or to the interrupt, and counts what it reports. What it says comes at
 * once, or when `turn` is over: of two that speak at a time nobody understands either.
 */
async function runStep(
  step: TestStep,
  env: Record<string, string>,
  interrupt: AbortSignal,
  turn?: Promise<unknown>,
): Promise<Counts> {
  if (interrupt.aborted) return NOTHING;
  const jobs = Deno.env.get("DENO_JOBS") ?? step.jobs?.toString() ?? env.DENO_JOBS ?? "1";
  const stdio = turn ? "piped" : "inherit";
  const command = new Deno.Command(Deno.execPath(), {
    args: [...step.arguments],
    env: { ...env, DENO_JOBS: jobs },
    stdin: "null",
    stdout: stdio,
    stderr: stdio,
  });
  const child = command.spawn();
  const told = turn ? Promise.all([child.stdout.bytes(), child.stderr.bytes()]) : [];
  const code = await runToEnd(child, interrupt);
  await turn;
  await ReadableStream.from(await told).pipeTo(Deno.stdout.writable, { preventClose: true });
  const counts = countTests(await readReport(step.report));
  // What fails outside of a test (a type error, a module that throws) is in no report.
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** The exit code of a process. At an interrupt it is asked to end, then made to. */
async function runToEnd(child: Deno.ChildProcess, interrupt: AbortSignal): Promise<number> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    kill(child, "SIGINT");
    timer = setTimeout(() => kill(child, "SIGKILL"), GRACE_MS);
  };
  interrupt.addEventListener("abort", stop, { once: true });
  try {
    return (await child.status).code;
  } finally {
    interrupt.removeEventListener("abort", stop);
    clearTimeout(timer);
  }
}

/** It may have ended a moment ago, which is as good. */
function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/**
 * Checks the types of all steps at once: each `deno test` would check what they share again. A run of
 * all tests checks all code. Wrong ones count as a failure, and end the run.
 */
async function checkTypes(
  files: readonly string[],
  wrong: AbortController,
  interrupt: AbortSignal,
): Promise<Counts> {
  if (files.length === 0 || interrupt.aborted) return NOTHING;
  const args = ["check", "--quiet", ...CONFIG, ...new Set(files)];
  const command = new Deno.Command(Deno.execPath(), { args, stdin: "null" });
  const code = await runToEnd(command.spawn(), interrupt);
  if (code === 0 || interrupt.aborted) return NOTHING;
  console.error("The types are not right");
  wrong.abort();
  return { ...NOTHING, failed: 1 };
}

/** Whether there is a test module at or below a path. */
function hasTests(path: string): boolean {
  return testsBelow(path).length > 0;
}

/** The test modules at or below a path, by the names `deno test` goes by. */
function testsBelow(path: string): string[] {
  try {
    if (Deno.statSync(path).isFile) return [path];
    return Array.from(Deno.readDirSync(path)).flatMap(({ name, isDirectory }) => {
      if (isDirectory) return testsBelow(`${path}/${name}`);
      return /(?:^|[._])test\.[jt]sx?$/.test(name) ? [`${path}/${name}`] : [];
    });
  } catch {
    return [];
  }
}

async function removeReports(): Promise<void> {
  await Deno.mkdir(".out", { recursive: true });
  for (const report of REPORTS) await Deno.remove(report).catch(() => {});
}

async function mergeWritten(): Promise<void> {
  const reports = await Promise.all(REPORTS.map(readReport));
  await Deno.writeTextFile(MERGED_REPORT, mergeReports(reports));
}

/** A report, or nothing where none was written: a run that crashed is counted by its exit code. */
async function readReport(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch(() => "");
}
