/** What is loaded before it is known which command is run: everybody waits for it. */
import { assert, assertEquals } from "@std/assert";
import { readImportMap } from "../../tools/tidy.ts";
import { readImports, resolveImport } from "../../tools/tidy/imports.ts";
import { readTree, ROOT } from "../../tools/tidy/tree.ts";

/** Files that a file imports at once, and what those do: `import()` is for later, and types are nothing. */
async function loadedBy(path: string): Promise<Set<string>> {
  const files = new Map((await readTree(ROOT)).map((file) => [file.path, file]));
  const map = await readImportMap(ROOT);
  const reached = new Set([path]);
  for (const each of reached) {
    const file = files.get(each);
    if (!file) continue;
    for (const { specifier, typesOnly, clause } of readImports(file)) {
      if (typesOnly || clause === "") continue;
      const { kind, name } = resolveImport(each, specifier, map);
      if (kind === "file") reached.add(name);
    }
  }
  return reached;
}

Deno.test("until a command runs, nothing that only some commands need is loaded", async () => {
  const loaded = await loadedBy("main.ts");
  assert(loaded.has("src/cli/commands/jobs.ts"));
  // Errors are told by their class.
  const wanted = ["src/embedded/errors.ts", "src/store/migration_error.ts"];
  const more =
    /^(mod\.ts|sql\/|handlers\/|src\/(embedded|http|library|runtime|store|telemetry|ui)\/)/;
  assertEquals([...loaded].filter((path) => more.test(path) && !wanted.includes(path)), []);
});

Deno.test("commands that run no handler and serve nothing load neither", async () => {
  for (const command of ["keys", "migrate", "top", "doctor/mod"]) {
    const loaded = await loadedBy(`src/cli/${command}.ts`);
    assert(loaded.has("src/store/open.ts"), command);
    const more = /^(mod\.ts|handlers\/|src\/(http|ui|library)\/)/;
    assertEquals([...loaded].filter((path) => more.test(path)), [], command);
  }
});
