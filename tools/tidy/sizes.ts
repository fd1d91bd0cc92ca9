/**
 * House rules about size: a file fits in the head, a function on a screen, and no folder is named
 * after nothing in particular.
 */
import { isProduction } from "./code.ts";
import { maskCode } from "./mask.ts";
import { lineAt, type SourceFile, type Violation } from "./tree.ts";

const FILE_LINES_MAX = 350;
const FUNCTION_LINES_MAX = 70;
const VAGUE = new Set(["utils", "common", "helpers", "types", "shared", "misc"]);

/** Before an opening parenthesis these do not name a function. */
const CONTROL = new Set(["if", "for", "while", "switch", "catch", "with", "await"]);
/** Between the parameters and the body: nothing, a result type, an arrow. */
const BEFORE_BODY = /^\s*(?::(?:[^;{}]|\{[^{}]*\})*)?(?:=>\s*)?$/;

/** Rule `size`: the hard limits. The aim is 50 to 200 lines a file, 10 to 25 a function. */
export function checkSizes(files: readonly SourceFile[]): Violation[] {
  return files.filter(({ path }) => isProduction(path)).flatMap(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    const report = (line: number, what: string, have: number, most: number) =>
      have > most
        ? [{ path, line, rule: "size", message: `${what} has ${have} lines, ${most} at most` }]
        : [];
    return [
      ...report(1, "the file", lines, FILE_LINES_MAX),
      ...measureFunctions(text).flatMap(({ name, line, lines }) =>
        report(line, name, lines, FUNCTION_LINES_MAX)
      ),
    ];
  });
}

/** Rule `folder`: a name like "utils" says where nobody knew where. */
export function checkFolders(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path }) => {
    const vague = path.split("/").slice(0, -1).find((folder) => VAGUE.has(folder));
    const message = `"${vague}" says nothing: put it with what it belongs to`;
    return vague ? [{ path, line: 1, rule: "folder", message }] : [];
  });
}

/**
 * Every function with a block body: its name, first line, and lines from its parameters to its end.
 *
 * By brackets, not by grammar. It may take a block for a function, which does no harm below the
 * limit; a body after a result type with nested braces goes unmeasured.
 */
export function measureFunctions(text: string): { name: string; line: number; lines: number }[] {
  const code = maskCode(text);
  const found: { name: string; line: number; lines: number }[] = [];
  const open: number[] = [];
  /** Offset of each body's brace → where its function begins. */
  const begins = new Map<number, number>();
  let parameters = { from: 0, to: -1 };
  for (const { 0: bracket, index } of code.matchAll(/[(){}]/g)) {
    if (bracket === "{" && isBody(code, parameters, index)) begins.set(index, parameters.from);
    if (bracket === "(" || bracket === "{") open.push(index);
    else {
      const from = open.pop() ?? 0;
      const begin = begins.get(from);
      if (bracket === ")") parameters = { from, to: index };
      if (begin === undefined || bracket === ")") continue;
      const [line, last] = [lineAt(code, begin), lineAt(code, index)];
      found.push({ name: nameBefore(code, begin) || "a function", line, lines: last - line + 1 });
    }
  }
  return found;
}

/** Whether a brace opens a function body, given the parentheses closed last. */
function isBody(code: string, { from, to }: { from: number; to: number }, brace: number): boolean {
  if (to < 0 || CONTROL.has(nameBefore(code, from))) return false;
  return BEFORE_BODY.test(code.slice(to + 1, brace));
}

function nameBefore(code: string, offset: number): string {
  return /([\w$#]+)\s*(?:<[^()]*>)?\s*$/.exec(code.slice(Math.max(0, offset - 200), offset))?.[1] ??
    "";
}
