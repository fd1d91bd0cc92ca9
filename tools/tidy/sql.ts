/**
 * House rules of `sql/`: no state is written in a query, every file is used, every query says what it
 * locks and which index it stands on.
 */
import { readImports, resolveImport } from "./imports.ts";
import { maskCode, maskSql, sqlLiterals } from "./mask.ts";
import { lineAt, type SourceFile, type Violation, violationAt, violationsOf } from "./tree.ts";

const STATE_NAME = /\b(pending|scheduled|running|retry|succeeded|dead_letter|cancelled)\b/i;

const COLUMN = String.raw`\b(?:to_|from_)?state\b(?:\s*::\s*\w+)?`;
const NUMBER = String.raw`(?<![\w$.])\d+\b(?:\s*::\s*\w+)?`;
const COMPARE = String.raw`(?:=|<>|!=|<=?|>=?|:=|\bis\s+(?:not\s+)?distinct\s+from\b|\bbetween\b)`;
/** Between an operator and its literal: `any(`, `array[`, `(`, an opening quote or brace. */
const OPENING = String.raw`\s*(?:\b(?:any|all|some)\b\s*)?[('{\s]*(?:\barray\s*\[\s*)?['{]*`;

/** The ways to write a state as a number. */
const STATE_NUMBERS = [
  new RegExp(`${COLUMN}\\s*${COMPARE}${OPENING}-?${NUMBER}`, "gi"),
  new RegExp(`${COLUMN}\\s*(?:not\\s+)?\\bin\\b\\s*\\([^)]*?${NUMBER}`, "gi"),
  new RegExp(`${NUMBER}\\s*(?:=|<>|!=)\\s*(?:\\w+\\.)?${COLUMN}`, "gi"),
  new RegExp(`${NUMBER}\\s+as\\s+(?:to_|from_)?state\\b`, "gi"),
  new RegExp(`${COLUMN}\\s*between\\b\\s*\\S+\\s+and\\s+${NUMBER}`, "gi"),
  new RegExp(
    `${COLUMN}\\s*${COMPARE}\\s*(?:coalesce|nullif|greatest|least)\\s*\\([^)]*?${NUMBER}`,
    "gi",
  ),
  new RegExp(
    `${COLUMN}\\s*${COMPARE}\\s*case\\b(?:(?!\\bend\\b)[^])*?\\b(?:then|else)\\s+${NUMBER}`,
    "gi",
  ),
  new RegExp(`\\bcase\\s+(?:\\w+\\.)?${COLUMN}\\s+when\\s+${NUMBER}`, "gi"),
];

/** Rule `state`: states reach SQL as parameters, for `core/lifecycle.ts` is their only author. */
export function checkStateLiterals(files: readonly SourceFile[]): Violation[] {
  return queriesOf(files).flatMap((file) => {
    const named = sqlLiterals(file.text).flatMap((literal) => {
      const name = STATE_NAME.exec(literal[0])?.[0];
      const message = `writes the state ${name}: make it a parameter`;
      return name ? [violationAt(file, literal.index, "state", message)] : [];
    });
    const statement = maskSql(file.text);
    const numbered = STATE_NUMBERS.flatMap((pattern) =>
      violationsOf(file, statement, pattern, "state", ([text]) => {
        return `writes a state as a number, "${text.replace(/\s+/g, " ")}": make it a parameter`;
      })
    );
    return [...named, ...numbered];
  });
}

/** Rule `header`: a reader learns from the first lines what a query locks and which index serves it. */
export function checkHeaders(files: readonly SourceFile[]): Violation[] {
  return queriesOf(files).flatMap(({ path, text }) => {
    const lines = text.split("\n");
    const end = lines.findIndex((line) => !line.startsWith("--"));
    const header = lines.slice(0, end < 0 ? lines.length : end);
    const missing = ["Locks", "Index"].filter((word) => !header.join("\n").includes(word));
    const report = (message: string) => ({ path, line: 1, rule: "header", message });
    return [
      ...header.length < 3 ? [report(`has ${header.length} header lines (--), wants 3`)] : [],
      ...missing.map((word) => report(`its header does not say "${word}"`)),
    ];
  });
}

/** Rule `unused`: every SQL file is exported by sql/mod.ts, and every export is used in src/. */
export function checkSqlUse(files: readonly SourceFile[]): Violation[] {
  const door = files.find(({ path }) => path === "sql/mod.ts") ?? { path: "sql/mod.ts", text: "" };
  const imported = new Set(
    readImports(door).map(({ specifier }) => resolveImport(door.path, specifier, {}).name),
  );
  const used = namesUsed(files);
  const sql = files.filter(({ path }) => path.startsWith("sql/") && path.endsWith(".sql"));
  const report = (path: string, line: number, message: string) => ({
    path,
    line,
    rule: "unused",
    message,
  });
  return [
    ...sql.filter(({ path }) => path !== "sql/schema.sql" && !imported.has(path))
      .map(({ path }) => report(path, 1, "is not imported by sql/mod.ts")),
    ...exportsOf(door).filter(({ name }) => !used.has(name))
      .map(({ name, line }) => report(door.path, line, `exports "${name}", which src/ never uses`)),
    ...sql.some(({ path }) => path === "sql/schema.sql") && !isSchemaChecked(files)
      ? [report("sql/schema.sql", 1, "no test or tool reads it")]
      : [],
  ];
}

/** What src/ takes from sql/mod.ts: by name, or through a namespace. */
function namesUsed(files: readonly SourceFile[]): Set<string> {
  const users = files.filter(({ path }) => path.startsWith("src/") && path.endsWith(".ts"));
  return new Set(users.flatMap((file) => {
    const doors = readImports(file).filter(({ specifier }) => {
      return resolveImport(file.path, specifier, {}).name === "sql/mod.ts";
    });
    return doors.flatMap(({ clause }) => {
      const space = /^\*\s*as\s+([\w$]+)$/.exec(clause)?.[1];
      if (!space) return exportedNames(clause, "source");
      const members = maskCode(file.text).matchAll(new RegExp(`\\b${space}\\s*\\.\\s*(\\w+)`, "g"));
      return Array.from(members, ([, name]) => name ?? "");
    });
  }));
}

/** What a module exports, by name and line. */
function exportsOf(file: SourceFile): { name: string; line: number }[] {
  const code = maskCode(file.text);
  const pattern = /\bexport\s+(?:(?:const|let|function|class)\s+([\w$]+)|(\{[^}]*\}))/g;
  return Array.from(code.matchAll(pattern)).flatMap((match) => {
    const names = match[1] ? [match[1]] : exportedNames(match[2] ?? "", "target");
    return names.map((name) => ({ name, line: lineAt(code, match.index) }));
  });
}

/** The names in `{ a, b as c }`: a and b of the source, a and c of the target. */
function exportedNames(clause: string, side: "source" | "target"): string[] {
  return clause.replace(/[{}]/g, "").split(",").map((item) => item.trim()).filter(Boolean)
    .map((item) => {
      const [source, target] = item.replace(/^type\s+/, "").split(/\s+as\s+/);
      return (side === "source" ? source : target ?? source) ?? "";
    });
}

/** Whether something besides these rules names the file. */
function isSchemaChecked(files: readonly SourceFile[]): boolean {
  return files.some(({ path, text }) =>
    /^(?:tests|tools)\//.test(path) && !/\btidy\b|tidy_/.test(path) && text.includes("schema.sql")
  );
}

function queriesOf(files: readonly SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => path.startsWith("sql/queries/") && path.endsWith(".sql"));
}
