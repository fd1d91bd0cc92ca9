/**
 * Type-checks the portable folders without Deno's library: what they call must be of the web.
 *
 * The configuration is made from deno.json on the spot, so the two cannot drift: same imports, same
 * compiler options, only `deno.ns` is missing from `lib`. It lives in a fresh folder with a copy of
 * the lock, so that the same versions are checked and deno.lock is never rewritten.
 */
import { isCode, isPortable } from "./tidy/arrows.ts";
import type { SourceFile } from "./tidy/tree.ts";

/** The fields of deno.json that matter to the checker. */
export interface CheckConfig {
  readonly imports: Readonly<Record<string, string>>;
  readonly compilerOptions: { readonly lib: readonly string[] };
}

/** deno.json without Deno's library, its relative imports made absolute to `base`. */
export function edgeConfig({ imports, compilerOptions }: CheckConfig, base: URL): CheckConfig {
  const absolute = Object.entries(imports).map(([name, target]) => [
    name,
    target.startsWith("./") ? new URL(target, base).href : target,
  ]);
  const lib = compilerOptions.lib.filter((name) => !name.startsWith("deno."));
  return {
    imports: Object.fromEntries(absolute),
    compilerOptions: { ...compilerOptions, lib },
  };
}

/** Checks every portable file of the tree. */
export function checkEdge(
  root: URL,
  files: readonly SourceFile[],
): Promise<{ ok: boolean; output: string }> {
  const portable = files.filter(({ path }) => isCode(path) && isPortable(path));
  return checkFiles(root, portable.map(({ path }) => new URL(path, root).href));
}

/** `deno check` of these modules, with the configuration of the project but without Deno's library. */
export async function checkFiles(
  root: URL,
  modules: readonly string[],
): Promise<{ ok: boolean; output: string }> {
  if (modules.length === 0) return { ok: true, output: "" };
  const folder = await Deno.makeTempDir({ prefix: "perdura-edge-" });
  try {
    const config: CheckConfig = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
    const made = edgeConfig(config, root);
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(made));
    await Deno.copyFile(new URL("deno.lock", root), `${folder}/deno.lock`);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--config", `${folder}/deno.json`, ...modules],
      env: { NO_COLOR: "1" },
    }).output();
    return { ok: success, output: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
