/**
 * Who may do what: the one seam between the routes and whatever checks credentials.
 *
 * Without authentication everything is allowed, to any tenant that the request names.
 */
import type { Context } from "hono";
import { type Access, isAllowed, type Scope } from "../core/access.ts";
import { ForbiddenError, UnauthenticatedError } from "../core/errors.ts";

/** What the sender of one request may do. */
export interface Permission {
  /** Its own tenant; null: the request names one, or means any. */
  readonly tenantId: string | null;
  /** For the audit. */
  readonly who: string;
  may(scope: Scope): boolean;
}

/** Finds out who sends a request. @throws {PerduraError} Nobody who is known. */
export type Permit = (c: Context) => Permission | Promise<Permission>;

/** `AUTH=none`. */
export const allowAll: Permit = () => everything;

const everything: Permission = { tenantId: null, who: "anonymous", may: () => true };

/** @throws {ForbiddenError} The sender has none of these scopes. */
export function demand(permission: Permission, ...wanted: readonly Scope[]): void {
  for (const scope of wanted) if (permission.may(scope)) return;
  const names = wanted.map((scope) => `"${scope}"`).join(" or ");
  throw new ForbiddenError(`This needs the scope ${names}`);
}

/** Whatever knows the sender by the text of a credential. @throws {UnauthenticatedError} */
export interface Doorkeeper {
  admit(text: string): Promise<Access>;
}

/**
 * `Authorization: Bearer …`: a key (`perdura_…`), or, where `tokens` knows them, a JWT.
 */
export function permitBearer(keys: Doorkeeper, tokens: Doorkeeper | null = null): Permit {
  return async (c) => {
    const header = c.req.header("authorization")?.trim() ?? "";
    const [, text] = /^Bearer\s+(\S{1,8192})$/i.exec(header) ?? [];
    if (text === undefined) {
      throw new UnauthenticatedError("Send a key: Authorization: Bearer perdura_…");
    }
    const access = await (text.startsWith("perdura_") ? keys : tokens ?? keys).admit(text);
    return permissionOf(access);
  };
}

/** What somebody may who has been let in. */
export function permissionOf(access: Access): Permission {
  const may = (scope: Scope) => isAllowed(access, scope);
  return { tenantId: access.tenantId, who: access.actor, may };
}
