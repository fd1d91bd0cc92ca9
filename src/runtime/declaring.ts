/** What the settings say is kept: told to the store when a worker begins. */
import {
  RETENTION_SUBJECTS,
  type RetentionPolicy,
  type RetentionSubject,
} from "../core/retention.ts";
import type { RetentionStore } from "../store/store.ts";

/** How long, milliseconds, by what; null: the settings say nothing. */
export type DeclaredRetention = Readonly<Record<RetentionSubject, number | null>>;

/** Sets what is declared and takes back what no longer is. What an operator has said stays. */
export async function declareRetention(
  store: { readonly retention: RetentionStore },
  declared: DeclaredRetention,
): Promise<void> {
  const known = await store.retention.list(null);
  for (const state of RETENTION_SUBJECTS) {
    const maxAgeMs = declared[state];
    const policy: RetentionPolicy = {
      ...{ tenantId: null, type: null, state, maxAgeMs },
      ...{ maxCount: null, keepSummary: false, isDeclared: true },
    };
    const isKnown = known.some((each) => each.state === state && each.isDeclared);
    if (maxAgeMs !== null) await store.retention.set(policy);
    else if (isKnown) await store.retention.drop(policy, true);
  }
}
