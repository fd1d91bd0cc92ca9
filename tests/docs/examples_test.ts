/** The programs in `examples/` do what they say. */
import { assert, assertEquals } from "@std/assert";
import { emptyDatabase } from "../support/database.ts";
import { eventually } from "../support/build.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("examples/embedded_hono.ts takes orders, packs them, and serves the jobs API", async () => {
  await using db = await emptyDatabase();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "examples/embedded_hono.ts"],
    cwd: ROOT,
    env: { DATABASE_URL: db.url, PORT: "0", NO_COLOR: "1" },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  try {
    const { value } = await reader.read();
    const port = Number(new TextDecoder().decode(value));
    assert(port > 0);
    const url = `http://127.0.0.1:${port}`;
    const { job } = await (await fetch(`${url}/orders/42`, { method: "POST" })).json();
    const done = await eventually("it is packed", async () => {
      const body = await (await fetch(`${url}/perdura/jobs/${job}`)).json();
      return body.state === "succeeded" && body;
    });
    assertEquals(done.output, { packed: "42" });
    // Below a path of the other app it still names itself rightly.
    const made = await fetch(`${url}/perdura/jobs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "pack", payload: { order: "43" } }),
    });
    const { id } = await made.json();
    assertEquals([made.status, made.headers.get("location")], [201, `/perdura/jobs/${id}`]);
    const { servers } = await (await fetch(`${url}/perdura/openapi.json`)).json();
    assertEquals(servers, [{ url: "/perdura" }]);
    assertEquals((await fetch(`${url}/perdura/health/ready`)).status, 200);
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended, as it should.
    }
    await child.status;
    await reader.cancel();
  }
});

const STEPS = "active timer.set; active timer.cancel spawn; done r-17";

Deno.test("examples/step_machine.ts drives a machine by steps alone, with Deno", async () => {
  assertEquals(
    await outputOf(Deno.execPath(), ["run", "examples/step_machine.ts"]),
    STEPS,
  );
});

Deno.test({
  name: "examples/step_machine.ts does the same on Node, and where there are no timers",
  ignore: !await hasNode(),
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "perdura-step-" });
    try {
      const bundle = `${folder}/step.mjs`;
      const to = ["--quiet", "--platform=browser", `--output=${bundle}`];
      await outputOf(Deno.execPath(), ["bundle", ...to, "examples/step_machine.ts"]);
      assertEquals(await outputOf("node", [bundle]), STEPS);
      const timers = ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"];
      const bare = `${folder}/bare.mjs`;
      const lines = [
        ...timers.map((name) => `delete globalThis.${name};`),
        `await import(${JSON.stringify(bundle)});`,
      ];
      await Deno.writeTextFile(bare, lines.join("\n"));
      assertEquals(await outputOf("node", [bare]), STEPS);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

async function hasNode(): Promise<boolean> {
  const asked = new Deno.Command("node", { args: ["--version"], stdout: "null" }).output();
  return await asked.then(({ success }) => success, () => false);
}
