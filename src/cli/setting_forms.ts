/** The forms that settings have: each says what it wants. */
import ipaddr from "ipaddr.js";
import { z } from "zod";
import { Cipher, parseCipherKeys } from "../core/cipher.ts";
import { nameSchema } from "../core/forms.ts";

/** A number without a fraction, both borders taken. */
export function whole(min: number, max: number) {
  const message = `Must be a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,12}$/, message).transform(Number)
    .refine((n) => n >= min && n <= max, message);
}

/** A number, both borders taken. */
export function decimal(min: number, max: number) {
  const message = `Must be a number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,6}(\.\d{1,6})?$/, message).transform(Number)
    .refine((n) => n >= min && n <= max, message);
}

/** Unset is null, not undefined: a setting always has a value. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.optional().transform((value) => value ?? null);
}

const list = z.string().transform((value) =>
  value.split(",").map((item) => item.trim()).filter((item) => item !== "")
);

/** One name or more: a worker of no queue, or of one that no job can have, would wait for ever. */
export const names = list.refine(
  (items) => items.length > 0 && items.every((item) => nameSchema.safeParse(item).success),
  "Must be names, separated by commas",
);

/** Compared with the host of an address: a scheme, a port or a star would never be it. */
export const hosts = list.refine(
  (items) => items.length > 0 && items.every((item) => /^[\w.-]+$/.test(item) || isAddress(item)),
  "Must be host names or addresses without scheme and port, separated by commas",
);

export const files = list.refine(
  (items) => items.length > 0,
  "Must be paths of modules, separated by commas",
);

export const flag = z.enum(["on", "off"], "Must be on or off").transform((value) => value === "on");

export const host = z.string().refine(
  (text) => /^[\w.-]+$/.test(text) || isAddress(text),
  "Must be a host name or an address",
);

/** What the driver can read: it, too, takes several hosts, separated by commas. */
export const databaseUrl = z.string().refine((text) => {
  const [, scheme, rest = ""] = /^(postgres(?:ql)?:\/\/)(\S+)$/.exec(text) ?? [];
  const at = rest.split(/[?/]/)[0]?.split("@").at(-1) ?? "";
  return scheme !== undefined && isUrl(scheme + rest.replace(at, at.split(",")[0] ?? ""));
}, "Must be a postgres:// address, special characters of the password percent-encoded");

export const smtpUrl = z.string().refine(
  (text) => /^smtps?:\/\/\S+$/.test(text) && isUrl(text),
  "Must be an smtp:// or smtps:// address",
);

export const sender = z.string().regex(/^[^\r\n]*[^\s@]@[^\s@]+$/, "Must be an email address");

export const jwksUrl = z.string().refine(
  (text) =>
    /^https:\/\/\S+$|^http:\/\/(localhost|\[::1\]|127(\.\d{1,3}){3})[:/]\S*$/.test(text) &&
    isUrl(text),
  "Must be an https address",
);

/** The mistake is told, the keys are not. */
export const cipher = z.string().transform((text, context) => {
  try {
    return new Cipher(parseCipherKeys(text));
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : "" });
    return z.NEVER;
  }
});

/** The parser of a library must not be the first to find a mistake: its error has the password in it. */
function isUrl(text: string): boolean {
  try {
    const { username, password } = new URL(text);
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

function isAddress(text: string): boolean {
  return ipaddr.isValid(text);
}
