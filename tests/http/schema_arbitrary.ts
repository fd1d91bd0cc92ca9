/** Values that a JSON Schema takes, and values that it nearly takes. */
import fc from "fast-check";

/** The part of JSON Schema that zod writes. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** What nearly never fits. */
export const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, "", "\0", "\ud800", -1, 0.5, 1e300, -0, 2 ** 53, true, [], {}, "1", [[]]),
  fc.constantFrom("constructor", "__proto__", "9999-99-99T99:99:99Z", "x".repeat(300), "😀"),
  fc.jsonValue({ maxDepth: 3, stringUnit: "binary" }),
);

/** Mostly a value of the schema; each part of it may be odd, missing, or one too many. */
export function nearly(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 30, arbitrary: fitting(schema) },
    { weight: 1, arbitrary: odd },
  );
}

function fitting(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum && schema.enum.length > 0) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(nearly));
  const [type] = typeof schema.type === "string" ? [schema.type] : schema.type ?? [];
  switch (type) {
    case "object":
      return objectOf(schema);
    case "array":
      return fc.array(nearly(schema.items ?? {}), { maxLength: Math.min(schema.maxItems ?? 4, 4) });
    case "string":
      return textOf(schema);
    case "integer":
      return fc.integer({
        min: Math.max(schema.minimum ?? -1e9, -1e9),
        max: Math.min(schema.maximum ?? 1e9, 1e9),
      });
    case "number":
      return fc.double({ min: schema.minimum ?? -1e9, max: schema.maximum ?? 1e9, noNaN: true });
    case "boolean":
      return fc.boolean();
    default:
      return fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" });
  }
}

function objectOf({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, nearly(schema)]),
  );
  const requiredKeys = required.filter((name) => name in fields);
  const whole = fc.record(fields, { requiredKeys });
  const few = fc.tuple(
    whole,
    fc.shuffledSubarray(Object.keys(fields)).map((names) => names.slice(0, 2)),
  )
    .map(([object, names]) => pick(object, [...requiredKeys, ...names]));
  return fc.oneof(
    { weight: 20, arbitrary: few },
    { weight: 5, arbitrary: whole },
    { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
    { weight: 1, arbitrary: few.map((object) => ({ ...object, surplus: 1 })) },
  );
}

function textOf({ format, pattern }: Schema): fc.Arbitrary<unknown> {
  if (format === "uuid") return fc.uuid();
  if (format === "date-time") {
    return fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-12-31") })
      .map((date) => date.toISOString());
  }
  if (pattern) return fc.constantFrom("debug.noop", "debug.fail", "default", "acme", "30ms", "7");
  return fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
}

function pick(object: Readonly<Record<string, unknown>>, names: readonly string[]) {
  return Object.fromEntries(
    names.filter((name) => name in object).map((name) => [name, object[name]]),
  );
}
