/** What the command line records: whoever has the database is still somebody. */
import type { AuditEntry } from "../core/audit.ts";
import { Audit } from "../runtime/audit.ts";
import type { Store } from "../store/store.ts";

/** Whoever typed the command. */
export function commander(): string {
  return `cli ${Deno.env.get("USER") ?? Deno.env.get("USERNAME") ?? "unknown"}`;
}

/** Records an action of theirs. */
export async function recordCommand(store: Store, entry: Omit<AuditEntry, "who">): Promise<void> {
  await new Audit(store.audit).record({ ...entry, who: commander() });
}
