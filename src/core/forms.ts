/** The forms of names and instants, wherever they are given. */
import { z } from "zod";
import { limits } from "./limits.ts";

const NAME = /^[A-Za-z0-9_][\w.:@/-]*$/;

/** Names of tenants, types, queues and partitions: printable, without spaces. */
export const nameSchema = z.string().min(1).max(limits.nameLengthMax)
  .regex(NAME, "Use letters, digits and _ . : @ / -, beginning with a letter, digit or _");

/** Whether it is one: what `nameSchema` says, for a tenth of its time. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= limits.nameLengthMax && NAME.test(value);
}

/**
 * An instant, given as RFC 3339 with any offset, kept as milliseconds in UTC.
 *
 * PostgreSQL refuses the year 0 and offsets beyond 15:59; what is long past means now anyway.
 */
export const instantSchema = z.iso
  .datetime({ offset: true, error: 'Must be an instant in RFC 3339: "2026-01-31T08:00:00Z"' })
  .transform((text) => new Date(Math.max(0, Date.parse(text))).toISOString())
  .refine((utc) => /^\d{4}-/.test(utc), "Must be before the year 10000");
