/** `machines lint` and `machines check` as a process: what they say, and their exit codes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createRuntime } from "perdura";
import { testDatabase } from "../support/database.ts";
import { openSession, perdura, perduraEach } from "./command.ts";
import { first } from "./ways/first.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

Deno.test("machines lint finds nothing in our own machines, exit 0", async () => {
  const files = ["machines/job.ts", "machines/worker.ts"].map((file) => `${ROOT}${file}`);
  const { code, stdout, lines } = await perdura(["machines", "lint", ...files]);
  assertEquals([code, stdout, lines], [0, "2 machines, 0 findings\n", []]);
});

Deno.test("machines lint names file, machine, place and cure of each finding, exit 3", async () => {
  const file = `${ROOT}tests/cli/bad_machines.ts`;
  const lint = ["machines", "lint"];
  const [plain, json] = await perduraEach([[...lint, file], [...lint, "--json", file]]);
  assert(plain && json);
  const { code, stdout, lines } = plain;
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

Deno.test("machines check refuses a chart that has lost an occupied state, until there is a way", async () => {
  await using db = await testDatabase();
  {
    await using runtime = await createRuntime({ databaseUrl: db.url, machines: [first] });
    await runtime.actors.start({ machine: "way", id: "w", event: { type: "GO" } });
  }
  await using session = await openSession({ DATABASE_URL: db.url });
  const check = (name: string, ...more: string[]) =>
    session.run(["machines", "check", ...more, `${ROOT}tests/cli/ways/${name}.ts`]);
  assertEquals([(await check("first")).code, (await check("third")).code], [0, 0]);
  const { code, stdout, lines } = await check("second");
  assertEquals([code, lines.length], [3, 1]);
  assertStringIncludes(stdout, "way 1 in middle: value.middle");
  assertStringIncludes(stdout, "(1, such as w)");
  const json = JSON.parse((await check("second", "--json")).stdout);
  assertEquals([json.checked, json.stranded.length, json.stranded[0].actors], [1, 1, 1]);
  const empty = await session.run(["machines", "check", `${ROOT}tests/cli/command.ts`]);
  assertEquals([empty.code, empty.lines.length], [3, 1]);
});
