// deno-lint-ignore-file no-console -- what a tool has to say, it prints
/**
 * The house rules as a program: `deno run -A tools/tidy.ts`, one line per violation, exit 1 if any.
 *
 * Each rule is a pure function over the files of the tree, in `tools/tidy/`; the tests run the same
 * functions, so the test command holds the line too. How to add one: write the function, list it
 * here, and show in its test that it goes red.
 */
import { checkEdge } from "./edge.ts";
import { checkArrows, checkCycles, checkPortable } from "./tidy/arrows.ts";
import { checkAny, checkCasts, checkClocks, checkMarkers } from "./tidy/code.ts";
import type { ImportMap } from "./tidy/imports.ts";
import { checkLeaks } from "./tidy/leaks.ts";
import { checkFolders, checkSizes } from "./tidy/sizes.ts";
import { checkHeaders, checkSqlUse, checkStateLiterals } from "./tidy/sql.ts";
import { formatViolation, readTree, ROOT, type SourceFile, type Violation } from "./tidy/tree.ts";

/** Every violation of every rule, in path and line order. */
export function tidy(files: readonly SourceFile[], map: ImportMap): Violation[] {
  const found = [
    checkArrows(files, map),
    checkCycles(files, map),
    checkPortable(files),
    checkStateLiterals(files),
    checkHeaders(files),
    checkSqlUse(files),
    checkSizes(files),
    checkFolders(files),
    checkAny(files),
    checkCasts(files),
    checkMarkers(files),
    checkClocks(files),
    checkLeaks(files),
  ].flat();
  return found.sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line);
}

/** The import map of the project. */
export async function readImportMap(root: URL): Promise<ImportMap> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", root))).imports;
}

if (import.meta.main) {
  const files = await readTree(ROOT);
  const lines = tidy(files, await readImportMap(ROOT)).map(formatViolation);
  const edge = await checkEdge(ROOT, files);
  for (const line of lines) console.log(line);
  if (!edge.ok) console.log(`edge: does not type-check without Deno's library\n${edge.output}`);
  Deno.exit(lines.length === 0 && edge.ok ? 0 : 1);
}
