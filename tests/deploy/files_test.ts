/** Image, compose file and scripts keep the rules that nobody should have to remember. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DCLinter } from "dclint";
import { validate } from "dockerfile-utils";
import { read, readCompose, readDockerfile } from "./files.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** The arguments of an instruction in exec form. */
function execForm(text: string | undefined): string[] {
  return JSON.parse(text ?? "[]");
}

Deno.test("the image is pinned, locked, not root, healthy when ready, and may do little", async () => {
  const instructions = await readDockerfile();
  const known = "FROM WORKDIR COPY ENV RUN USER EXPOSE HEALTHCHECK ENTRYPOINT CMD".split(" ");
  assertEquals(instructions.filter(({ name }) => !known.includes(name)), []);
  const of = (wanted: string) => instructions.filter(({ name }) => name === wanted);
  const [{ version }] = JSON.parse(
    await run("deno", ["eval", "-p", "JSON.stringify([{version: Deno.version.deno}])"]),
  );
  for (const { text } of of("FROM")) assertMatch(text, new RegExp(`^denoland/deno:${version}\\b`));
  assert(of("RUN").some(({ text }) => text.includes("--frozen")), "the lock is kept");
  const last = instructions.map(({ name }) => name).lastIndexOf("USER");
  assertEquals(instructions[last]?.text, "deno");
  assert(instructions.slice(last).every(({ name }) => name !== "RUN" && name !== "COPY"));
  assertMatch(of("HEALTHCHECK")[0]?.text ?? "", /health\/ready/);
  const entry = execForm(of("ENTRYPOINT")[0]?.text);
  assert(entry.includes("--cached-only") && entry.includes("--no-prompt"));
  const wide = ["-A", "--allow-all", "--allow-run", "--allow-ffi", "--allow-import"];
  for (const flag of [...wide, "--allow-write", "--allow-read", "--allow-sys"]) {
    assert(!entry.includes(flag), flag);
  }
  assertEquals(execForm(of("CMD")[0]?.text), ["api"]);
});

Deno.test("public linters find no mistake in the Dockerfile and the compose file", async () => {
  assertEquals(validate(await read("Dockerfile")), []);
  assert(validate("FROM a\nCOPPY a b\n").length > 0, "the linter looks");
  // How keys are sorted is a matter of taste; ours are in the order of a reader's questions.
  const linter = new DCLinter({ rules: {}, quiet: true, debug: false, exclude: [] });
  const mistakesOf = (path: string) =>
    linter.lintFiles([path], false).flatMap(({ messages }) =>
      messages.filter(({ type }) => type === "error").map(({ rule, message }) =>
        `${rule}: ${message}`
      )
    );
  assertEquals(mistakesOf(`${ROOT}deploy/compose.yaml`), []);
  const broken = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(broken, "services:\n  a:\n    imag: b\n");
  assert(mistakesOf(broken).length > 0, "the linter looks");
  await Deno.remove(broken);
});

Deno.test("everything the image copies is there and is let through by .dockerignore", async () => {
  const copied = (await readDockerfile())
    .filter(({ name, text }) => name === "COPY" && !text.startsWith("--from"))
    .flatMap(({ text }) => text.split(/\s+/).slice(0, -1));
  const letThrough = (await read(".dockerignore")).split("\n").filter((l) => l.startsWith("!"))
    .map((line) => line.slice(1));
  assertEquals(copied.toSorted(), letThrough.toSorted());
  for (const path of copied) await Deno.stat(`${ROOT}${path}`);
});

Deno.test("compose opens two ports, to this machine alone, the API's only behind keys", async () => {
  const { services, volumes } = await readCompose();
  assertEquals(Object.keys(services).sort(), [
    ...["api", "grafana", "postgres", "prometheus", "setup", "worker"],
  ]);
  assertEquals(services.api?.ports, ["127.0.0.1:8000:8000"]);
  assertEquals([services.api?.environment.AUTH, services.api?.environment.HOST], [
    "keys",
    "0.0.0.0",
  ]);
  const others = Object.entries(services).filter(([name]) => !["api", "grafana"].includes(name));
  assertEquals(services.grafana?.ports, ["127.0.0.1:3000:3000"]);
  assertEquals(others.filter(([, { ports }]) => ports !== undefined), []);
  assertEquals(services.worker?.deploy?.replicas, 2);
  for (const [name, one] of Object.entries(services)) {
    assert(!one.image.endsWith(":latest"), name);
    for (const dependency of Object.keys(one.depends_on ?? {})) assert(services[dependency]);
    for (const volume of one.volumes ?? []) {
      const [source = ""] = volume.split(":");
      // Files of ours are mounted to be read.
      if (source.startsWith("./")) {
        assert(volume.endsWith(":ro"), volume);
        await Deno.stat(`${ROOT}deploy/${source}`);
      } else assert(source in volumes, volume);
    }
    if (name === "postgres") continue;
    assertEquals([one.read_only, one.cap_drop], [true, ["ALL"]]);
    assertEquals(one.build?.context, ["grafana", "prometheus"].includes(name) ? undefined : "..");
  }
  for (const one of [services.api, services.worker, services.postgres]) {
    assertEquals(one?.restart, "unless-stopped");
    assert(one?.stop_grace_period);
  }
});

for (const script of ["submit-job.sh", "stress-test.sh", "cleanup.sh", "worker.sh", "sbom.sh"]) {
  Deno.test(`scripts/${script} is sound bash, tells how it is used, and exits 2 on wrong use`, async () => {
    const path = `${ROOT}scripts/${script}`;
    await run("bash", ["-n", path]);
    assertMatch(
      await read(`scripts/${script}`),
      /^#!\/usr\/bin\/env bash\n[^]*\nset -(euo|u -o) pipefail\n/,
    );
    assert(((await Deno.stat(path)).mode ?? 0) & 0o111, "it may be executed");
    const { code, stderr } = await new Deno.Command("bash", { args: [path, "--bogus"] }).output();
    assertEquals([code, new TextDecoder().decode(stderr).includes("scripts/")], [2, true]);
  });
}

Deno.test("scripts/cleanup.sh removes a state folder, and nothing else", async () => {
  const dir = await Deno.makeTempDir();
  const clean = (folder: string) =>
    new Deno.Command("bash", { args: [`${ROOT}scripts/cleanup.sh`, "--yes", folder] }).output();
  assertEquals((await clean(dir)).code, 1);
  await Deno.writeTextFile(`${dir}/users.lock`, "");
  assertEquals((await clean(dir)).code, 0);
  assertEquals(await Deno.stat(dir).then(() => true, () => false), false);
  assertEquals((await clean(dir)).code, 0, "a second time there is nothing to do");
});

async function run(command: string, args: readonly string[]): Promise<string> {
  const program = command === "deno" ? Deno.execPath() : command;
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  assert(code === 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
