/** What the command line records: whoever has the database is still somebody. */
import type { AuditEntry } from "../core/audit.ts";
import { Audit } from "../runtime/audit.ts";
import type { Store } from "../store/store.ts";

/** Records an action of whoever typed the command. */
export async function recordCommand(store: Store, entry: Omit<AuditEntry, "who">): Promise<void> {
  const user = Deno.env.get("USER") ?? Deno.env.get("USERNAME") ?? "unknown";
  await new Audit(store.audit).record({ ...entry, who: `cli ${user}` });
}
