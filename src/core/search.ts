/**
 * The query language: `state:dead_letter type:email.* error:"timed out" payload.to:bob attempt>=2 -tag:x`.
 *
 * Words stand beside each other and all of them have to hold. A word is a field, a comparison and a
 * value, or bare text that may stand anywhere. `-` in front turns it round; quotes hold spaces together;
 * `*` in a value stands for anything. What cannot be read is told with its place.
 */

/** How a field compares: see `fieldHint`. */
export type FieldKind = "choice" | "name" | "text" | "number" | "time" | "json";

/** One field of a language. */
export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  readonly hint: string;
  /** Of a choice. */
  readonly values?: readonly string[];
  /** Found through an index; others are looked for row by row, so many rows at a time. */
  readonly isFlat: boolean;
}

/** One word, read. `field` null: bare text. */
export interface Word {
  readonly field: Field | null;
  /** Below a JSON field: keys from the outside in. */
  readonly path: readonly string[];
  readonly operator: Operator;
  readonly value: string;
  /** The value was quoted: it means itself. */
  readonly isQuoted: boolean;
  readonly isNegated: boolean;
  /** Where it begins, from 0, and how long it is. */
  readonly at: number;
  readonly length: number;
}

/** `:` is "is", for text "holds". */
export type Operator = ":" | ">" | ">=" | "<" | "<=";

/** A query that cannot be read, and the word it is about. */
export class QueryError extends Error {
  override readonly name = "QueryError";

  /** @param at Where the word begins, from 0. */
  constructor(readonly query: string, readonly at: number, readonly length: number, why: string) {
    super(
      `At position ${at} (${JSON.stringify(query.slice(at, at + Math.min(length, 40)))}): ${why}`,
    );
  }
}

const ORDERS = [">=", "<=", ">", "<"] as const;
const HEAD = /(-?)([A-Za-z]+)((?:\.(?:[^\s.:<>="!]|!(?!=))+)*)(:|>=|<=|>|<|!=|=)/y;
const BARE = /-?[^\s"]*/y;

/** Reads the words of a query. @throws {QueryError} */
export function readWords(query: string, fields: readonly Field[]): Word[] {
  const words: Word[] = [];
  for (let at = skipSpace(query, 0); at < query.length;) {
    const word = readWord(query, at, fields);
    words.push(word);
    at = skipSpace(query, at + word.length);
  }
  return words;
}

function readWord(query: string, at: number, fields: readonly Field[]): Word {
  HEAD.lastIndex = at;
  const head = HEAD.exec(query);
  const isAddress = head !== null && query.startsWith("//", HEAD.lastIndex);
  if (head === null || isAddress) return readText(query, at);
  const [all, minus, name = "", below = "", sign = ":"] = head;
  const from = at + all.length;
  const { value, isQuoted, end } = readValue(query, from);
  const length = end - at;
  const field = fields.find((each) => each.name === name);
  if (!field) {
    const known = fields.map((each) => each.name).join(", ");
    throw new QueryError(query, at, length, `There is no field "${name}"; there are ${known}`);
  }
  const path = below === "" ? [] : below.slice(1).split(".");
  if (field.kind === "json" && path.length === 0) {
    throw new QueryError(query, at, length, `Name a key: ${name}.key${sign}${value || "value"}`);
  }
  if (field.kind !== "json" && path.length > 0) {
    throw new QueryError(query, at, length, `"${name}" has no keys below it`);
  }
  if (value === "" && !isQuoted) throw new QueryError(query, at, length, "A value is missing");
  const isNegated = (minus === "-") !== (sign === "!=");
  const operator = ORDERS.find((order) => order === sign) ?? ":";
  return { field, path, operator, value, isQuoted, isNegated, at, length };
}

function readText(query: string, at: number): Word {
  const isNegated = query[at] === "-" && at + 1 < query.length && query[at + 1] !== " ";
  const { value, isQuoted, end } = readValue(query, isNegated ? at + 1 : at);
  const word = { field: null, path: [], operator: ":", isQuoted, isNegated, at } as const;
  return { ...word, value, length: end - at };
}

function readValue(query: string, from: number): { value: string; isQuoted: boolean; end: number } {
  if (query[from] !== '"') {
    BARE.lastIndex = from;
    const value = BARE.exec(query)?.[0] ?? "";
    // A quote in the middle of a word is a part of it.
    const end = query.slice(from).search(/\s|$/) + from;
    return {
      value: value.length < end - from ? query.slice(from, end) : value,
      isQuoted: false,
      end,
    };
  }
  let value = "";
  for (let i = from + 1; i < query.length; i++) {
    if (query[i] === '"') return { value, isQuoted: true, end: i + 1 };
    if (query[i] === "\\" && i + 1 < query.length) i++;
    value += query[i];
  }
  throw new QueryError(query, from, query.length - from, "The quote has no end");
}

function skipSpace(query: string, from: number): number {
  let at = from;
  while (at < query.length && /\s/.test(query[at] ?? "")) at++;
  return at;
}
