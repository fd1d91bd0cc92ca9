import { assertEquals } from "@std/assert";
import { CONFIG, planSteps, readOptions, type TestOptions } from "../../tools/test_plan.ts";

const MAIN = [
  "test",
  "-A",
  "--no-check",
  ...CONFIG,
  "--parallel",
  "--ignore=tests/chaos",
  "--junit-path=.out/junit.xml",
];
const CHAOS = [
  ...["test", "-A", "--no-check", ...CONFIG, "--parallel"],
  "--junit-path=.out/junit-chaos.xml",
];

/** The arguments of each step. */
function plan(options: Partial<TestOptions>, hasTests = (_path: string) => true) {
  const all = { unit: false, long: false, paths: [], ...options };
  return planSteps(all, hasTests).map((step) => [...step.arguments]);
}

Deno.test("readOptions() takes two flags and paths, and refuses the rest in one line", () => {
  assertEquals(readOptions([]), { unit: false, long: false, paths: [] });
  assertEquals(readOptions(["--long", "tests/core", "--unit", "--"]), {
    unit: true,
    long: true,
    paths: ["tests/core"],
  });
  const usage = "usage: task test [--unit] [--long] [path …]";
  assertEquals(readOptions(["--quick"]), `unknown flag --quick; ${usage}`);
  assertEquals(readOptions(["-x"]), `unknown flag -x; ${usage}`);
});

Deno.test("planSteps() runs everything in parallel, and chaos two files at a time", () => {
  assertEquals(plan({}), [[...MAIN, "tests"], [...CHAOS, "tests/chaos"]]);
  const all = { unit: false, long: false, paths: [] };
  assertEquals(planSteps(all, () => true).map(({ jobs }) => jobs), [null, 2]);
});

Deno.test("planSteps() leaves chaos out where it has no tests", () => {
  assertEquals(plan({}, (path) => path !== "tests/chaos"), [[...MAIN, "tests"]]);
});

Deno.test("planSteps() takes the folders without a database, as far as they have tests", () => {
  const exists = (path: string) => path !== "tests/handlers";
  const folders = ["tests/machines", "tests/core", "tests/conformance", "tests/std", "tests/tools"];
  assertEquals(plan({ unit: true }, exists), [[...MAIN, ...folders]]);
  assertEquals(plan({ unit: true }, () => false), []);
});

Deno.test("planSteps() sends each given path to its step", () => {
  const one = "tests/store/claim_test.ts";
  assertEquals(plan({ paths: [one] }), [[...MAIN, one]]);
  assertEquals(plan({ paths: ["tests/chaos/"] }), [[...CHAOS, "tests/chaos"]]);
  assertEquals(plan({ paths: ["./tests/chaos/kill_test.ts", one] }), [
    [...MAIN, one],
    [...CHAOS, "tests/chaos/kill_test.ts"],
  ]);
  assertEquals(plan({ paths: ["./tests/", "tests/chaos"] }), [
    [...MAIN, "tests"],
    [...CHAOS, "tests/chaos"],
  ]);
  assertEquals(plan({ paths: ["."] }), [[...MAIN, "tests"], [...CHAOS, "tests/chaos"]]);
});
