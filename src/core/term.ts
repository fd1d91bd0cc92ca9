/** The terms of a search: conditions that are asked of one job after the other. */

/** What a term may be about. */
export const TERM_FIELDS = [
  "id",
  "type",
  "queue",
  "tag",
  "key",
  "partition",
  "cloned",
  "fingerprint",
  "error",
  "attempt",
  "crashes",
  "priority",
  "version",
  "created",
  "started",
  "finished",
  "due",
  "metadata",
  "progress",
  "output",
  "payload",
  "text",
] as const;

/** The subject of a term. */
export type TermField = (typeof TERM_FIELDS)[number];

/** One condition. Instants are numbers: seconds since 1970. */
export interface Term<Field extends string = TermField> {
  readonly field: Field;
  /** Of payload, output, metadata and progress: keys from the outside in. Of text: types left out. */
  readonly path: readonly string[];
  /** 0: `text` is a pattern of LIKE, case does not matter; else the sum of 1 less, 2 equal, 4 greater. */
  readonly comparison: number;
  readonly text: string;
  /** Compare as numbers; null: as text, for equality only. */
  readonly number: number | null;
  readonly isNegated: boolean;
}

/** `field` is exactly this text. */
export function isText<Field extends string>(field: Field, text: string): Term<Field> {
  return { field, path: [], comparison: 2, text, number: null, isNegated: false };
}

/** `field` holds this text somewhere; case does not matter. */
export function holdsText<Field extends string>(field: Field, text: string): Term<Field> {
  const pattern = `%${literal(text)}%`;
  return { field, path: [], comparison: 0, text: pattern, number: null, isNegated: false };
}

/** Every text holds it. */
export function isOfAll({ comparison, text, isNegated }: Term): boolean {
  return comparison === 0 && !isNegated && /^%+$/.test(text);
}

/** Text as a pattern that matches nothing else. */
export function literal(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}
