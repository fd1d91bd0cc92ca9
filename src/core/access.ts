/** Who may do what: scopes, and what a caller was let in with. */

/**
 * What a credential may be good for. `platform` is all of them, in every tenant; `drive` and `metrics`
 * are of no tenant.
 */
export const SCOPES = [
  ...["enqueue", "read", "operate", "worker", "platform", "drive", "metrics"] as const,
] as const;

/** Scopes of keys without a tenant. */
export const SCOPES_OF_ALL: readonly string[] = ["platform", "drive", "metrics"];

/** What a token may be signed by: what has a public key. */
export const JWT_ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const,
  ...["ES256", "ES384", "ES512", "EdDSA"] as const,
] as const;

/** One thing a credential is good for. */
export type Scope = (typeof SCOPES)[number];

/** A caller. */
export interface Access {
  /** For the audit: `key <id>`. */
  readonly actor: string;
  /** The one tenant it sees; null: all of them. */
  readonly tenantId: string | null;
  readonly scopes: ReadonlySet<Scope>;
}

/** Whether the caller may do what needs `scope`. */
export function isAllowed(access: Access, scope: Scope): boolean {
  return access.scopes.has(scope) || access.scopes.has("platform");
}

/** Whether these are scopes of a credential without a tenant; null: neither they nor the others. */
export function isOfAll(scopes: readonly string[]): boolean | null {
  if (scopes.includes("platform")) return true;
  const count = scopes.filter((scope) => SCOPES_OF_ALL.includes(scope)).length;
  return count === 0 ? false : count === scopes.length ? true : null;
}
