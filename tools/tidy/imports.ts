/**
 * Who imports whom: reads the import statements of a file and says which file or package each means.
 */
import { maskCode } from "./mask.ts";
import { lineAt, type SourceFile } from "./tree.ts";

/** One import or re-export. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  readonly line: number;
  /** Erased by the compiler: nothing of the target runs. */
  readonly typesOnly: boolean;
  /** `{ a, b as c }`, `* as x` or a name; empty of a bare or dynamic import. */
  readonly clause: string;
}

/** What an import means: a file of ours, a package, something of the platform, or an address. */
export interface Target {
  readonly kind: "file" | "package" | "npm" | "node" | "other";
  /** Path from the root, or the name without version and sub-path. */
  readonly name: string;
}

/** The `imports` of deno.json. */
export type ImportMap = Readonly<Record<string, string>>;

const CLAUSE = String.raw`(?:[\w$]+\s*,\s*)?(?:\*(?:\s*as\s+[\w$]+)?|\{[^}]*\}|[\w$]+)`;
/** An import or re-export up to its opening quote. */
const STATEMENT = new RegExp(
  String.raw`\b(?:import|export)\s+(type\s+)?(${CLAUSE})\s*\bfrom\s*(?=["'])`,
  "g",
);
const BARE = /\bimport\s*(?:\(\s*)?(?=["'`])/g;

/** Every import of a file, static, dynamic or re-exporting, in any order. */
export function readImports(file: SourceFile): Import[] {
  const code = maskCode(file.text);
  const read = (match: RegExpMatchArray, typesOnly: boolean, clause: string): Import => ({
    specifier: stringAt(file.text, (match.index ?? 0) + match[0].length),
    line: lineAt(file.text, match.index ?? 0),
    typesOnly,
    clause,
  });
  return [
    ...Array.from(code.matchAll(STATEMENT), (match) => {
      const clause = match[2] ?? "";
      return read(match, match[1] !== undefined || isTypesOnly(clause), clause);
    }),
    ...Array.from(code.matchAll(BARE), (match) => read(match, false, "")),
  ];
}

/** Masked code with its import and re-export statements blanked too. */
export function withoutImports(code: string): string {
  return code.replace(STATEMENT, (statement) => statement.replace(/[^\n]/g, " "))
    .replace(/\bexport\s*\{[^}]*\}/g, (statement) => statement.replace(/[^\n]/g, " "));
}

/** What `specifier`, written in the file `from`, means. */
export function resolveImport(from: string, specifier: string, map: ImportMap): Target {
  if (/^\.{1,2}\//.test(specifier)) return { kind: "file", name: joinPath(from, specifier) };
  if (specifier.startsWith("node:")) return { kind: "node", name: specifier };
  if (specifier.startsWith("npm:")) return { kind: "npm", name: packageName(specifier.slice(4)) };
  if (specifier.includes(":")) return { kind: "other", name: specifier };
  const mapped = map[specifier] ?? "";
  if (mapped.startsWith("./")) return { kind: "file", name: mapped.slice(2) };
  return { kind: "package", name: packageName(specifier) };
}

/** `hono/streaming` → `hono`, `@hono/zod-openapi@^1` → `@hono/zod-openapi`. */
function packageName(specifier: string): string {
  return /^(?:@[^/]+\/)?[^/@]+/.exec(specifier)?.[0] ?? specifier;
}

function joinPath(from: string, relative: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of relative.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** `{ type A, type B }`: each name is marked. */
function isTypesOnly(clause: string): boolean {
  const names = /^\{([^}]*)\}$/.exec(clause)?.[1]?.split(",").map((name) => name.trim());
  const given = names?.filter((name) => name !== "") ?? [];
  return given.length > 0 && given.every((name) => name.startsWith("type "));
}

/** The string that opens at an offset; of a template, what stands before its first expression. */
function stringAt(text: string, offset: number): string {
  return /^(["'`])(.*?)(?:\1|\$\{)/.exec(text.slice(offset, offset + 500))?.[2] ?? "";
}
