/** The query bar: its words are the server's, who also says which of them it does not understand. */
import { Problem } from "./problem.ts";

/** What is listed. */
export type Listed = "jobs" | "actors";

/** A word that may be asked for, as `/search/fields` tells it. */
export interface Field {
  readonly name: string;
  readonly hint: string;
  readonly values: readonly string[];
}

/** The word of a query that the server does not understand, and why. */
export interface QueryError {
  readonly start: number;
  readonly end: number;
  readonly message: string;
}

/** Reads a refusal; null: it is not about the query. */
export function queryErrorOf(error: Error | null): QueryError | null {
  if (!(error instanceof Problem) || error.body.position === undefined) return null;
  const { position: start, length = 1, detail = "" } = error.body;
  const message = detail.replace(/^.*?At position \d+ \(.*?\): (?=[A-Z“"])/s, "");
  return { start, end: start + length, message };
}

/** What the last word of a query may be completed to. */
export function completions(
  text: string,
  fields: readonly Field[],
  names: Readonly<Record<string, readonly string[]>>,
): string[] {
  const [last = ""] = /\S*$/.exec(text) ?? [];
  const head = text.slice(0, text.length - last.length);
  const [, sign = "", name, value = ""] = /^(-?)([a-z]+):(?:.*,)?([^,]*)$/.exec(last) ?? [];
  if (name === undefined) {
    const [, not = "", word = ""] = /^(-?)(\S*)$/.exec(last) ?? [];
    return fields.filter((each) => each.name.startsWith(word))
      .map((each) => `${head}${not}${each.name}:`);
  }
  const field = fields.find((each) => each.name === name);
  const values = [...field?.values ?? [], ...names[name] ?? []];
  const before = last.slice(0, last.length - value.length);
  return values.filter((each) => each.startsWith(value)).map((each) => `${head}${before}${each}`)
    .filter((each) => each !== text || sign !== "");
}
