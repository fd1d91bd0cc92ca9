/** What the audit is told of a request. */
import type { Context } from "hono";
import type { AuditEntry } from "../core/audit.ts";
import { MalformedError } from "../core/errors.ts";

const REASON_MAX = 500;

/** What a handler knows better of its action than its route does. */
export type Note = Partial<Omit<AuditEntry, "who">>;

/** The whole of it. */
export function entryOf(who: string, note: Note): AuditEntry {
  const { tenantId = null, action = "", subject = "", ...rest } = note;
  return { who, tenantId, action, subject, ...rest };
}

/** Why it is done, in the operator's words: the header `Audit-Reason`. @throws {MalformedError} */
export function readReason(c: Context): string | null {
  const reason = asTyped(c.req.header("audit-reason") ?? "").trim();
  if (reason.length > REASON_MAX) {
    throw new MalformedError(`Audit-Reason may have ${REASON_MAX} characters`);
  }
  return reason === "" ? null : reason;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Headers are read as Latin-1, and most clients send what was typed as UTF-8: an ë would be two letters. */
function asTyped(header: string): string {
  try {
    return utf8.decode(Uint8Array.from(header, (letter) => letter.charCodeAt(0)));
  } catch {
    return header;
  }
}

/** The path of what a request acts on: up to its first name, without the verb behind it. */
export function subjectOf(c: Context, path: string): string {
  const [, names, name] = /^\/(.*?)(?:\{(\w+)\}.*)?$/.exec(path) ?? [];
  return `${names ?? ""}${name === undefined ? "" : c.req.param(name) ?? ""}`;
}
