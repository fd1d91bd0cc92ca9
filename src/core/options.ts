/** Options of a call as a schema that knows their names: one that is misspelt is told, not passed over. */
import { z } from "zod";
import { InvalidInputError, type Issue } from "./errors.ts";
import { nearest } from "./near.ts";

/** An object of options, none of which is unknown. Nests. */
export function optionsOf<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape> {
  const known = Object.keys(shape);
  const told = (name: string) => {
    const [near] = nearest(name, known);
    const hint = near === undefined ? `known are ${known.join(", ")}` : `the nearest is "${near}"`;
    return `Unknown option "${name}"; ${hint}`;
  };
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? issue.keys.map(told).join("; ") : undefined,
  });
}

/** Refuses options that do not fit. @param path What they are called. @throws {InvalidInputError} */
export function demandOptions(schema: z.ZodType, given: unknown, path: string): void {
  const result = schema.safeParse(given);
  if (result.success) return;
  throw new InvalidInputError(result.error.issues.map((issue): Issue => ({
    path: [path, ...issue.path.map(String)].join("."),
    message: issue.message,
  })));
}
