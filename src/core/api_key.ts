/** API keys as records. */
import type { Scope } from "./access.ts";

/** A stored key; its secret is known to its owner alone. */
export interface ApiKey {
  readonly id: string;
  /** Null: a platform key. */
  readonly tenantId: string | null;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
  /** Neither revoked nor expired, by the database clock. */
  readonly isLive: boolean;
}

/** A key on its way into the database. */
export interface NewApiKey {
  readonly id: string;
  readonly tenantId: string | null;
  readonly name: string;
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: string | null;
}
