/** Words of a query as terms: what a value of each kind means. */
import { nameSchema } from "./forms.ts";
import { type Field, type Operator, QueryError, type Word } from "./search.ts";
import { holdsText, literal, type Term } from "./term.ts";

const COMPARISONS: Readonly<Record<Operator, number>> = {
  ":": 2,
  "<": 1,
  "<=": 3,
  ">": 4,
  ">=": 6,
};
const NUMBER = /^-?\d{1,15}(\.\d{1,15})?$/;
const AGE = /^(\d{1,6})(ms|s|m|h|d)$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/;
const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DAY_MS = 86_400_000;

/** What reading a query needs. */
export interface Reading {
  readonly query: string;
  /** Milliseconds since 1970: ages count back from it. */
  readonly now: number;
}

/** The terms of one word about `field`. @throws {QueryError} */
export function termsOf<F extends string>(word: Word, field: F, reading: Reading): Term<F>[] {
  const { kind } = word.field ?? TEXT;
  if (kind === "time") return timeTerms(word, field, reading);
  if (kind === "number") return [numberTerm(word, field, reading)];
  if (word.operator !== ":") {
    if (kind === "json") return [numberTerm(word, field, reading)];
    throw wrong(word, reading, `"${word.field?.name}" takes : only`);
  }
  if (kind === "text") return [{ ...holdsText(field, word.value), isNegated: word.isNegated }];
  return [equalTerm(word, field)];
}

/** The two ends of a time that a value means: a day is 24 hours long, an instant has no length. */
export function timeOf(word: Word, { query, now }: Reading): readonly [from: number, to: number] {
  const { value } = word;
  const [, count, unit] = AGE.exec(value) ?? [];
  if (unit !== undefined && isUnit(unit)) {
    const at = now - Number(count) * UNITS_MS[unit];
    return [at, at];
  }
  const from = !isDay(value.slice(0, 10))
    ? NaN
    : DAY.test(value)
    ? Date.parse(`${value}T00:00:00Z`)
    : INSTANT.test(value)
    ? Date.parse(/(Z|[+-]\d{2}:\d{2})$/.test(value) ? value : `${value}Z`)
    : NaN;
  if (Number.isNaN(from)) {
    throw wrong(
      word,
      { query },
      'Give a day (2026-01-31), an instant in RFC 3339, or an age ("2h")',
    );
  }
  return [from, DAY.test(value) ? from + DAY_MS : from];
}

/** Whether the calendar has that day: the parser of the platform goes on into the next month. */
function isDay(text: string): boolean {
  const at = DAY.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

function isUnit(unit: string): unit is keyof typeof UNITS_MS {
  return unit in UNITS_MS;
}

function timeTerms<F extends string>(word: Word, field: F, reading: Reading): Term<F>[] {
  const [from, to] = timeOf(word, reading);
  const { operator, isNegated } = word;
  const at = (comparison: number, ms: number): Term<F> => ({
    ...{ field, path: [], comparison, text: "" },
    number: ms / 1000,
    isNegated: isNegated && operator !== ":",
  });
  if (operator === ">" && from !== to) return [at(6, to)];
  if (operator === "<=" && from !== to) return [at(1, to)];
  if (operator !== ":") return [at(COMPARISONS[operator], from)];
  if (isNegated) throw wrong(word, reading, "A time is turned round by < or >");
  return from === to ? [at(2, from)] : [at(6, from), at(1, to)];
}

function numberTerm<F extends string>(word: Word, field: F, reading: Reading): Term<F> {
  const { operator, value, isNegated, path } = word;
  if (!NUMBER.test(value)) throw wrong(word, reading, `"${value.slice(0, 40)}" is not a number`);
  return {
    ...{ field, path, comparison: COMPARISONS[operator], text: value },
    number: Number(value),
    isNegated,
  };
}

function equalTerm<F extends string>(
  { value, isQuoted, isNegated, path }: Word,
  field: F,
): Term<F> {
  const isPattern = !isQuoted && value.includes("*");
  const text = isPattern ? value.split("*").map(literal).join("%") : value;
  return { field, path, comparison: isPattern ? 0 : 2, text, number: null, isNegated };
}

/** @throws {QueryError} The value can be no tenant. */
export function demandTenant(word: Word, reading: Reading): void {
  if (nameSchema.safeParse(word.value).success) return;
  throw wrong(word, reading, `"${word.value.slice(0, 64)}" is not a tenant's name`);
}

/** A refusal that points at the word. */
export function wrong(word: Word, { query }: Pick<Reading, "query">, why: string): QueryError {
  return new QueryError(query, word.at, word.length, why);
}

const TEXT: Field = { name: "", kind: "text", hint: "", isFlat: false };
