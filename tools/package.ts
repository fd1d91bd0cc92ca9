// deno-lint-ignore-file no-console -- what a tool has to say, it prints
/**
 * `deno task package`: the library as a package for Node, JavaScript beside its types, to be installed
 * as a folder: `npm install --install-links ../perdura/.out/package`.
 *
 * JavaScript by `deno bundle`: the statements in SQL are texts in it. Types by the compiler, which
 * checks nothing here: `deno task check` has.
 */
import { join } from "node:path";
import { z } from "zod";

const ROOT = new URL("../", import.meta.url).pathname;
/** What programs import, and its module. */
const ENTRIES = {
  ".": "mod",
  "./actor": "src/core/actor/mod",
  "./client": "src/client/client",
  "./handler": "src/library/handler",
  "./telemetry": "src/telemetry/mod",
  "./testing": "src/testing/mod",
} as const;
/** What those reach. */
const SOURCES = ["mod.ts", "machines", "src", "sql"];
/** Of the packages of the program, those that these modules import. */
const PACKAGES = [
  ...["@hono/zod-openapi", "@logtape/logtape", "@opentelemetry/api", "croner", "hono"],
  ...["ipaddr.js", "jose", "postgres", "xstate", "zod"],
];

/** Exact: it is in no lock. */
const COMPILER = { typescript: "7.0.2" };
const DECLARING = {
  ...{ declaration: true, emitDeclarationOnly: true, noCheck: true },
  ...{ target: "esnext", module: "esnext", moduleResolution: "bundler", types: [] },
  lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable"],
  allowImportingTsExtensions: true,
  ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
};

const configuration = z.object({ imports: z.record(z.string(), z.string()) });

if (import.meta.main) {
  const folder = join(ROOT, ".out/package");
  if (Deno.args.length > 0) {
    console.error("usage: deno task package");
    Deno.exit(2);
  }
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const work = await Deno.makeTempDir({ prefix: "perdura-package-" });
  try {
    await installPackages(work);
    await writePackage(folder, work);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  console.log(`npm install --install-links ${folder}`);
}

/** What the library needs, and the compiler, as the `node_modules` of a folder. */
export async function installPackages(
  work: string,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { dependencies } = await manifest();
  const all = { type: "module", dependencies: { ...dependencies, ...COMPILER, ...more } };
  await Deno.writeTextFile(join(work, "package.json"), JSON.stringify(all));
  const install = ["install", "--quiet", "--node-modules-dir=auto", "--min-dep-age=P7D"];
  await run(Deno.execPath(), install, work);
}

/** Writes the package. @param work What `installPackages` has filled. */
export async function writePackage(folder: string, work: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const text = JSON.stringify(await manifest(), null, 2);
  await Deno.writeTextFile(join(folder, "package.json"), `${text}\n`);
  await Deno.copyFile(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  const modules = Object.values(ENTRIES).map((path) => `${path}.ts`);
  const outside = PACKAGES.flatMap((name) => [`--external=${name}`, `--external=${name}/*`]);
  const bundle = ["bundle", "--quiet", "--platform=browser", "--code-splitting", ...outside];
  await run(Deno.execPath(), [...bundle, `--outdir=${folder}`, ...modules], ROOT);
  // Beside the packages, or the compiler would not find them.
  const sources = join(work, "sources");
  await Deno.mkdir(sources);
  await run("cp", ["-R", ...SOURCES.map((path) => join(ROOT, path)), sources], ROOT);
  const files = modules.map((path) => join("sources", path));
  await compile(work, { ...DECLARING, rootDir: "sources", outDir: folder }, files);
}

/** Runs the compiler on files of a folder that has it. @throws {Error} What it says. */
export async function compile(
  work: string,
  compilerOptions: Readonly<Record<string, unknown>>,
  files: readonly string[],
): Promise<void> {
  await Deno.writeTextFile(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  await run(Deno.execPath(), ["run", "-A", "node_modules/typescript/bin/tsc", "-p", "."], work);
}

async function manifest() {
  const known = await versions("deno.json");
  const exports = Object.entries(ENTRIES).map(([name, path]) => [
    name,
    { types: `./${path}.d.ts`, default: `./${path}.js` },
  ]);
  return {
    name: "perdura",
    version: "0.0.0",
    description: "A durable job and workflow runtime on Postgres",
    license: "MIT",
    type: "module",
    // Promise.withResolvers and Map.groupBy; the client and the step of statecharts need less.
    engines: { node: ">=22" },
    exports: Object.fromEntries(exports),
    dependencies: Object.fromEntries(PACKAGES.map((name) => [name, known[name] ?? ""])),
  };
}

/** The packages that a configuration names, and their versions. */
async function versions(path: string): Promise<Record<string, string>> {
  const { imports } = configuration.parse(JSON.parse(await Deno.readTextFile(join(ROOT, path))));
  const found = Object.entries(imports).map(([name, target]) => {
    return [name, /^npm:\/?@?[^@]+@([^/]+)$/.exec(target)?.[1] ?? ""];
  });
  return Object.fromEntries(found);
}

async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  const command = new Deno.Command(program, { args: [...args], cwd, env: { NO_COLOR: "1" } });
  const { success, stdout, stderr } = await command.output();
  if (success) return;
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  throw new Error(`${program} ${args[0]} failed:\n${said}`);
}
