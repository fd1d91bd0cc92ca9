/** Who may do what: scopes, and what a caller was let in with. */
import { ForbiddenError } from "./errors.ts";

/** What a credential may be good for. `platform` is all of them, in every tenant. */
export const SCOPES = ["enqueue", "read", "operate", "worker", "platform"] as const;

/** One thing a credential is good for. */
export type Scope = (typeof SCOPES)[number];

/** A caller. */
export interface Access {
  /** For the audit: `key <id>`, or `nobody` without credentials. */
  readonly actor: string;
  /** The one tenant it sees; null: all of them. */
  readonly tenantId: string | null;
  readonly scopes: ReadonlySet<Scope>;
}

/** What AUTH=none gives everybody who reaches the loopback. */
export const openAccess: Access = { actor: "nobody", tenantId: null, scopes: new Set(SCOPES) };

/** Whether the caller may do what needs `scope`. */
export function isAllowed(access: Access, scope: Scope): boolean {
  return access.scopes.has(scope) || access.scopes.has("platform");
}

/** @throws {ForbiddenError} */
export function demand(access: Access, scope: Scope): void {
  if (!isAllowed(access, scope)) {
    throw new ForbiddenError(`This needs a credential with the scope "${scope}"`);
  }
}

/**
 * The tenant a request is about: the credential's, or the one that a platform credential names.
 * Null: any.
 *
 * @throws {ForbiddenError} Another tenant than the credential's is named.
 */
export function tenantFor(access: Access, named: string | null): string | null {
  if (access.tenantId === null) return named;
  if (named !== null && named !== access.tenantId) {
    throw new ForbiddenError("This credential belongs to another tenant");
  }
  return access.tenantId;
}
