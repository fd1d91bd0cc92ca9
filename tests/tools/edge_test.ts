/** The portable folders type-check without Deno's library, and the check notices when they do not. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { checkEdge, checkFiles, edgeConfig } from "../../tools/edge.ts";
import { readTree, ROOT } from "../../tools/tidy/tree.ts";

Deno.test("edgeConfig() takes Deno's library away and nothing else", () => {
  const options = { strict: true, lib: ["deno.ns", "deno.unstable", "esnext", "dom"] };
  const imports = { zod: "npm:zod@^4", perdura: "./mod.ts" };
  assertEquals<object>(
    edgeConfig({ imports, compilerOptions: options }, new URL("file:///repo/")),
    {
      imports: { zod: "npm:zod@^4", perdura: "file:///repo/mod.ts" },
      compilerOptions: { strict: true, lib: ["esnext", "dom"] },
    },
  );
});

Deno.test("checkEdge() passes on the portable folders", async () => {
  assertEquals(await checkEdge(ROOT, await readTree(ROOT)), { ok: true, output: "" });
});

Deno.test("checkFiles() fails on a module that names Deno or Node, and passes on the web's", async () => {
  const folder = await Deno.makeTempDir();
  const modules = {
    deno: `export const f = (): unknown => Deno.readTextFile("x");`,
    node: "export const home: unknown = process.env.HOME;",
    web: "export const f = (): unknown => [fetch, crypto, new URL('a:b')];",
  };
  try {
    const files = Object.entries(modules).map(([name, text]) => ({
      path: `${folder}/${name}.ts`,
      text,
    }));
    for (const { path, text } of files) await Deno.writeTextFile(path, text);
    // All at once: each check begins with the library.
    const { ok, output } = await checkFiles(ROOT, files.map(({ path }) => path));
    assertEquals(ok, false);
    assertMatch(output, /Cannot find name 'Deno'[^]*?deno\.ts/);
    assertMatch(output, /Cannot find name 'process'[^]*?node\.ts/);
    assert(!output.includes("web.ts"), output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
