/**
 * What the house rules read: the text files of the tree, and what they answer with.
 *
 * Git is not asked, so that the check works in an unpacked archive too: what .gitignore names is left
 * out, everything else will be committed sooner or later.
 */

/** One text file. `path` is relative to the root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** One broken rule, at a place a person can open. */
export interface Violation {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** The project this file belongs to. */
export const ROOT = new URL("../../", import.meta.url);

/** Larger files are data, not source. */
const SOURCE_BYTES_MAX = 2_000_000;

/** Every text file below the folder `root`, in path order. */
export async function readTree(root: URL): Promise<SourceFile[]> {
  const isIgnored = ignoreRule(await Deno.readTextFile(new URL(".gitignore", root)));
  const files: SourceFile[] = [];
  for await (const path of walk(root, "", isIgnored)) {
    const text = await readSource(new URL(encodeURI(path), root));
    if (text !== undefined) files.push({ path, text });
  }
  return files.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** A test for ignored names, from the two forms our .gitignore uses: `name/` and `*.ending`. */
export function ignoreRule(gitignore: string): (name: string) => boolean {
  const lines = gitignore.split("\n").map((line) => line.trim());
  const patterns = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const names = new Set([".git", ...patterns.map((pattern) => pattern.replaceAll("/", ""))]);
  const endings = patterns.filter((p) => p.startsWith("*")).map((p) => p.slice(1));
  return (name) => names.has(name) || endings.some((ending) => name.endsWith(ending));
}

/** The line, from 1, of an offset in a text. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** One violation per match of `pattern` in `text`: the file's own text, or a masked one. */
export function violationsOf(
  file: SourceFile,
  text: string,
  pattern: RegExp,
  rule: string,
  message: (match: RegExpMatchArray) => string,
): Violation[] {
  return Array.from(text.matchAll(pattern), (match) => {
    return violationAt(file, match.index, rule, message(match));
  });
}

/** A violation at an offset of the file. */
export function violationAt(
  { path, text }: SourceFile,
  offset: number,
  rule: string,
  message: string,
): Violation {
  return { path, line: lineAt(text, offset), rule, message };
}

/** `path:line rule message`. */
export function formatViolation({ path, line, rule, message }: Violation): string {
  return `${path}:${line} ${rule} ${message}`;
}

async function* walk(
  root: URL,
  folder: string,
  isIgnored: (name: string) => boolean,
): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(encodeURI(folder), root))) {
    const path = `${folder}${entry.name}`;
    if (isIgnored(entry.name)) continue;
    if (entry.isFile) yield path;
    if (entry.isDirectory) yield* walk(root, `${path}/`, isIgnored);
  }
}

/** The text of a file, or undefined of a binary or huge one, or one that just vanished. */
async function readSource(path: URL): Promise<string | undefined> {
  try {
    if ((await Deno.stat(path)).size > SOURCE_BYTES_MAX) return undefined;
    const text = await Deno.readTextFile(path);
    return text.includes("\0") ? undefined : text;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
