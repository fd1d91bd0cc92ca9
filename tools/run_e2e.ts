/**
 * Runs the tests of a folder with a configuration and a lock of its own (`e2e`, `edge`), and ends in a
 * line `N passed, N failed`.
 */
const [folder = "e2e"] = Deno.args;
const { code, stdout } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--parallel", "--frozen", "--config", `${folder}/deno.json`, `${folder}/`],
  cwd: new URL("..", import.meta.url),
  // Each file has a program and a browser of its own; half of the time they wait for each other.
  env: { NO_COLOR: "1", DENO_JOBS: Deno.env.get("DENO_JOBS") ?? "2" },
  stderr: "inherit",
}).output();
const text = new TextDecoder().decode(stdout);
await Deno.stdout.write(stdout);
const [summary = ""] = /^(?:ok|FAILED) \|.*$/m.exec(text) ?? [];
const count = (word: string) =>
  Array.from(summary.matchAll(new RegExp(`(\\d+) ${word}(?: \\((\\d+) steps?\\))?`, "g")))
    .reduce((sum, [, tests, steps]) => sum + Number(tests) + Number(steps ?? 0), 0);
const [passed, failed] = [count("passed"), count("failed")];
const isRun = passed + failed > 0;
await Deno.stdout.write(
  new TextEncoder().encode(
    `\n${passed} passed, ${isRun && code === 0 ? failed : failed || 1} failed\n`,
  ),
);
Deno.exit(code);
