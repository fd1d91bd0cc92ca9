import { assertEquals } from "@std/assert";
import { formatViolation, ignoreRule, readTree } from "../../../tools/tidy/tree.ts";

Deno.test("readTree() reads the text files that git would take, in path order", async () => {
  const folder = await Deno.makeTempDir();
  const root = new URL(`file://${folder}/`);
  const write = (path: string, text: string) => Deno.writeTextFile(new URL(path, root), text);
  try {
    for (const name of ["b", "node_modules", "b/.out"]) await Deno.mkdir(new URL(name, root));
    await write(".gitignore", "# made here\n.out/\nnode_modules/\n*.log\n");
    for (const path of ["b/c.ts", "a b.ts", "x.log", "node_modules/y.ts", "b/.out/z.ts"]) {
      await write(path, path);
    }
    await write("picture.png", "\0\0");
    const paths = (await readTree(root)).map(({ path }) => path);
    assertEquals(paths, [".gitignore", "a b.ts", "b/c.ts"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("ignoreRule() always leaves out git's own folder", () => {
  assertEquals([".git", ".github", "a.log"].map(ignoreRule("*.log\n")), [true, false, true]);
});

Deno.test("formatViolation() is one line that an editor can follow", () => {
  const line = formatViolation({ path: "a.ts", line: 3, rule: "any", message: "because" });
  assertEquals(line, "a.ts:3 any because");
});
