/** The audit: whoever lets an operator act records it here. */
import type { AuditEntry, AuditFilter, AuditRecord } from "../core/audit.ts";
import type { AuditStore } from "../store/store.ts";
import type { Page } from "./paging.ts";

const TEXT_MAX = 500;

/** What operators did. Append-only: there is no way to change a record. */
export class Audit {
  readonly #store: AuditStore;

  constructor(store: AuditStore) {
    this.#store = store;
  }

  /**
   * Records an action. Texts beyond 500 characters are cut.
   *
   * @throws {UnavailableError | UnknownResultError} Nothing, or perhaps nothing, is recorded: an action
   *   that nobody will know of should not look done.
   */
  async record(entry: AuditEntry): Promise<void> {
    await this.#store.record(boundedEntry(entry));
  }

  /** One page, newest first; `before`: the id that the last one ended with. */
  async page(
    filter: AuditFilter,
    before: string | null,
    limit: number,
  ): Promise<Page<AuditRecord>> {
    const items = await this.#store.list(filter, before, limit);
    const last = items.length === limit ? items.at(-1) : undefined;
    return { items, nextCursor: last?.id ?? null };
  }
}

function boundedEntry(entry: AuditEntry): AuditEntry {
  const cut = (text: string) => text.slice(0, TEXT_MAX);
  return {
    ...entry,
    who: cut(entry.who),
    subject: cut(entry.subject),
    reason: entry.reason ? cut(entry.reason) : null,
  };
}
