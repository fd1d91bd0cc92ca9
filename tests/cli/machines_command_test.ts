/** `machines lint` as a process: what it says, and its exit codes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { perdura } from "./command.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

Deno.test("machines lint finds nothing in our own machines, exit 0", async () => {
  const files = ["machines/job.ts", "machines/worker.ts"].map((file) => `${ROOT}${file}`);
  const { code, stdout, lines } = await perdura(["machines", "lint", ...files]);
  assertEquals([code, stdout, lines], [0, "2 machines, 0 findings\n", []]);
});

Deno.test("machines lint names file, machine, place and cure of each finding, exit 3", async () => {
  const file = `${ROOT}tests/cli/bad_machines.ts`;
  const { code, stdout, lines } = await perdura(["machines", "lint", file]);
  assertEquals([code, lines.length], [3, 1]);
  const told = stdout.trim().split("\n");
  assertEquals(told.at(-1), "1 machine, 4 findings");
  const starts = told.slice(0, -1).map((line) => line.split(": ")[0]);
  assertEquals(starts, [
    `${file} bad not_durable states.a.after.soon`,
    `${file} bad not_durable actors.listener`,
    `${file} bad unreachable bad.lost`,
    `${file} bad waits_for_ever bad.b`,
  ]);
  const json = await perdura(["machines", "lint", "--json", file]);
  assertEquals([json.code, JSON.parse(json.stdout).findings.length], [3, 4]);
});

Deno.test("machines lint of a module that is not there: one line, exit 3", async () => {
  const { code, stdout, lines } = await perdura(["machines", "lint", "nowhere.ts"]);
  assertEquals([code, stdout, lines.length], [3, "", 1]);
  assertStringIncludes(lines[0] ?? "", "nowhere.ts");
});

Deno.test("machines lint without a folder of machines says so", async () => {
  const { code, lines } = await perdura(["machines", "lint"]);
  assert(code === 3 && lines.length === 1 && lines[0]?.includes("machines"));
});
