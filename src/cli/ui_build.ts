/**
 * Builds the pages: TypeScript to one script, the styles to one sheet, the fonts beside them.
 *
 * A program of its own, so that a running API needs none of it: `deno run -A src/cli/ui_build.ts DIR`.
 */
import inter from "@fontsource-variable/inter/package.json" with { type: "json" };
import mono from "@fontsource/jetbrains-mono/package.json" with { type: "json" };
import { importsOf } from "../ui/files.ts";

const ROOT = new URL("../../", import.meta.url);
const APP = new URL("src/ui/app/", ROOT);
/** Latin alone: letters of other scripts come from the fonts of the system. */
const FONTS = {
  inter: "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
  mono: "@fontsource/jetbrains-mono/files/jetbrains-mono-latin-400-normal.woff2",
};

/** Builds into a folder that is there. @throws {Error} What the bundler says. */
async function buildUi(dir: string): Promise<void> {
  await bundle(dir, ["main.tsx", "plot.ts"]);
  const sheets = await Promise.all(
    [new URL("style.css", APP), new URL("../chart.css", APP)].map((url) => Deno.readTextFile(url)),
  );
  await Deno.writeTextFile(`${dir}/app.css`, smaller(sheets.join("\n")));
  for (const [name, path] of Object.entries(FONTS)) {
    await Deno.copyFile(new URL(import.meta.resolve(path)), `${dir}/${name}.woff2`);
  }
  const credits = [
    `Inter ${inter.version}, ${inter.license}: https://rsms.me/inter/`,
    `JetBrains Mono ${mono.version}, ${mono.license}: https://www.jetbrains.com/lp/mono/`,
  ];
  await Deno.writeTextFile(`${dir}/fonts.txt`, `${credits.join("\n")}\n`);
}

/** Each entry a file of its name, what they share and what is fetched later in files beside them. */
async function bundle(dir: string, entries: readonly string[]): Promise<void> {
  const flags = ["--quiet", "--platform", "browser", "--minify", "--code-splitting"];
  const paths = entries.map((entry) => new URL(entry, APP).pathname);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", ...flags, "--outdir", dir, ...paths],
    cwd: ROOT,
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).slice(0, 2_000));
  await hint(dir);
}

/** Smaller modules are compiled soon enough. */
const HINTED_MIN = 4_000;

/**
 * Has the modules of pages compiled as they come: whoever points at a link has them fetched, and the page
 * is then made without that. What runs first is compiled when it is called: it would only be later.
 */
async function hint(dir: string): Promise<void> {
  const first = new Set(["main.js"]);
  const textOf = (name: string) => Deno.readTextFile(`${dir}/${name}`);
  for (const name of first) {
    for (const other of importsOf(await textOf(name))) first.add(other);
  }
  for await (const { name } of Deno.readDir(dir)) {
    if (!name.endsWith(".js") || first.has(name)) continue;
    const text = await textOf(name);
    if (text.length < HINTED_MIN) continue;
    await Deno.writeTextFile(`${dir}/${name}`, `//# allFunctionsCalledOnLoad\n${text}`);
  }
}

/** Without comments and blanks; the sheets have none inside of texts. */
function smaller(css: string): string {
  return css.replaceAll(/\/\*[^]*?\*\//g, "").replaceAll(/\s+/g, " ")
    .replaceAll(/\s*([{};,>])\s*/g, "$1").replaceAll(/:\s+/g, ":").replaceAll(";}", "}")
    .replaceAll(/="([\w-]+)"\]/g, "=$1]").trim();
}

if (import.meta.main) {
  const [dir] = Deno.args;
  if (dir === undefined) throw new Error("Say where to: ui_build.ts DIR");
  await buildUi(dir);
}
