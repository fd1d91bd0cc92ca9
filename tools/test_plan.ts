/**
 * What the test command runs, from its arguments: pure, so that it can be tested without running any.
 *
 * Two steps at most, each a `deno test` of its own, side by side. The chaos tests start and kill real
 * processes and wait for leases to end, for as long as nobody needs the machine: two files at a time
 * they are through before the others are, in what those leave.
 */

/** The arguments, understood. */
export interface TestOptions {
  /** Only what needs no database. */
  readonly unit: boolean;
  /** Bigger sizes: more seeds, more jobs. */
  readonly long: boolean;
  /** Files and folders; empty means all. */
  readonly paths: readonly string[];
}

/** One `deno test`. Its types have been checked before: once for all steps. */
export interface TestStep {
  readonly arguments: readonly string[];
  /** Files and folders. */
  readonly targets: readonly string[];
  readonly report: string;
  /** How many files at a time; null: as many as the machine takes. */
  readonly jobs: number | null;
}

/** The union of both steps' reports. */
export const MERGED_REPORT = ".out/junit-all.xml";

/**
 * What tests and tools import beside the program's own packages has a configuration and a lock of its
 * own: a first start downloads all of a lock.
 */
export const CONFIG: readonly string[] = ["--config=tests/deno.json", "--frozen"];

/** All code: what a run of all tests checks the types of. */
export const SOURCES: readonly string[] = [
  ...["main.ts", "mod.ts", "src", "machines", "handlers", "tests", "tools", "examples"],
];

const CHAOS = "tests/chaos";
const CHAOS_JOBS = 2;
const UNIT = [
  ...["tests/machines", "tests/core", "tests/conformance", "tests/std", "tests/tools"],
  "tests/handlers",
];

/** Reads the arguments; a text says what is wrong with them. */
export function readOptions(args: readonly string[]): TestOptions | string {
  const known = ["--unit", "--long", "--"];
  const unknown = args.find((arg) => arg.startsWith("-") && !known.includes(arg));
  if (unknown) return `unknown flag ${unknown}; usage: task test [--unit] [--long] [path …]`;
  return {
    unit: args.includes("--unit"),
    long: args.includes("--long"),
    paths: args.filter((arg) => !known.includes(arg)),
  };
}

/**
 * The steps to run, side by side, in the order in which they are told.
 *
 * @param hasTests Whether there is a test at or below a path.
 */
export function planSteps(
  { unit, paths }: TestOptions,
  hasTests: (path: string) => boolean,
): TestStep[] {
  const all = unit ? UNIT.filter(hasTests) : ["tests"];
  const asked = paths.length > 0 ? paths.map(normalise) : all;
  const main = asked.filter((path) => !isWithin(path, CHAOS));
  // A folder above it includes it; `--ignore` then keeps it out of the first step.
  const chaos = asked.flatMap((path) => {
    return isWithin(path, CHAOS) ? [path] : isWithin(CHAOS, path) && hasTests(CHAOS) ? [CHAOS] : [];
  });
  const args = ["test", "-A", "--no-check", ...CONFIG, "--parallel"];
  const step = (name: string, jobs: number | null, flags: string[], targets: string[]) => {
    const report = `.out/${name}.xml`;
    const all = [...args, ...flags, `--junit-path=${report}`, ...targets];
    return targets.length > 0 ? [{ arguments: all, targets, report, jobs }] : [];
  };
  return [
    ...step("junit", null, [`--ignore=${CHAOS}`], main),
    ...step("junit-chaos", CHAOS_JOBS, [], [...new Set(chaos)]),
  ];
}

/** Every report a run may leave: an old one would be counted again. */
export const REPORTS = [".out/junit.xml", ".out/junit-chaos.xml", MERGED_REPORT];

function normalise(path: string): string {
  const plain = path.replace(/^(?:\.\/)+/, "").replace(/\/+$/, "");
  // Other folders with tests have configurations of their own.
  return plain === "" || plain === "." ? "tests" : plain;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
