/**
 * Source text without what only looks like code.
 *
 * A masked text has the length and the lines of the original, so an offset in one is an offset in the
 * other; comments and the insides of strings, templates and patterns are spaces. This is a scanner,
 * not a parser: a slash that could be either is taken as a division, and a string ends with its line.
 */

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?|[\w$]+|\s+|[\s\S]/y;
const TEMPLATE_PART = /(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{|$)/y;
const PATTERN = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
/** After these a slash begins a pattern; after anything else it divides. */
const BEFORE_PATTERN =
  /^(?:[(,=:[!&|?{;+\-*%~^>]|return|typeof|case|in|of|void|throw|await|yield)?$/;

/** TypeScript with comments and the insides of literals blanked. Quotes stay. */
export function maskCode(text: string): string {
  let masked = "";
  let previous = "";
  let inTemplate = false;
  /** Open braces in each `${` around here; empty outside of templates. */
  const depths: number[] = [];
  while (masked.length < text.length) {
    const at = masked.length;
    if (inTemplate) {
      const part = matchAt(TEMPLATE_PART, text, at);
      const end = part.endsWith("`") ? 1 : part.endsWith("${") ? 2 : 0;
      masked += blank(part.slice(0, part.length - end)) + part.slice(part.length - end);
      if (end === 2) depths.push(0);
      [inTemplate, previous] = [false, end === 2 ? "{" : "`"];
      continue;
    }
    const pattern = BEFORE_PATTERN.test(previous) ? matchAt(PATTERN, text, at) : "";
    const token = pattern || matchAt(TOKEN, text, at);
    masked += pattern ? maskPattern(pattern) : maskToken(token);
    if (!isSpace(token)) previous = pattern ? ")" : token;
    if (token === "`") inTemplate = true;
    else inTemplate = countBrace(token, depths);
  }
  return masked;
}

/** SQL with comments blanked. */
export function maskSql(text: string): string {
  return text.replace(SQL_TOKEN, (token) => /^(?:--|\/\*)/.test(token) ? blank(token) : token);
}

/** The literals of a SQL text: quoted or in dollars. Identifiers in double quotes are not literals. */
export function sqlLiterals(text: string): RegExpExecArray[] {
  return [...text.matchAll(SQL_TOKEN)].filter(([token]) => /^['$]/.test(token));
}

const SQL_TOKEN = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|\$([a-z_]*)\$[\s\S]*?\$\1\$/gi;

/** Keeps count of braces inside a template's expression; true when its closing brace was met. */
function countBrace(token: string, depths: number[]): boolean {
  const last = depths.length - 1;
  const depth = depths[last];
  if (depth === undefined) return false;
  if (token === "{") depths[last] = depth + 1;
  if (token !== "}") return false;
  if (depth === 0) depths.pop();
  else depths[last] = depth - 1;
  return depth === 0;
}

function maskToken(token: string): string {
  if (token.startsWith("//") || token.startsWith("/*")) return blank(token);
  const quote = token[0] ?? "";
  if (quote !== '"' && quote !== "'") return token;
  const isClosed = token.length > 1 && token.endsWith(quote);
  return quote + blank(token.slice(1, isClosed ? -1 : undefined)) + (isClosed ? quote : "");
}

/** The flags stay: they do no harm, and what is kept is kept in place. */
function maskPattern(pattern: string): string {
  const end = pattern.lastIndexOf("/");
  return `/${blank(pattern.slice(1, end))}${pattern.slice(end)}`;
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

function isSpace(token: string): boolean {
  return /^\s/.test(token) || token.startsWith("//") || token.startsWith("/*");
}
