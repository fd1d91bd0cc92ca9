/** The portable folders type-check without Deno's library, and the check notices when they do not. */
import { assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
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
  const check = async (code: string) => {
    await Deno.writeTextFile(`${folder}/x.ts`, code);
    return await checkFiles(ROOT, [`${folder}/x.ts`]);
  };
  try {
    const deno = await check(`export const f = (): unknown => Deno.readTextFile("x");`);
    assertNotEquals(deno.ok, true);
    assertStringIncludes(deno.output, "Cannot find name 'Deno'");
    const node = await check("export const home: unknown = process.env.HOME;");
    assertStringIncludes(node.output, "Cannot find name 'process'");
    const web = await check("export const f = (): unknown => [fetch, crypto, new URL('a:b')];");
    assertEquals(web, { ok: true, output: "" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
