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

/** Whatever knows the sender by the text of a credential. */
export interface Doorkeeper {
  /** @throws {UnauthenticatedError} */
  admit(text: string): Promise<Access>;
  /** Whom it has let in by this text, and would again without asking anybody; null: it has to ask. */
  known(text: string): Access | null;
}

/** As nearly everybody writes it. */
const BEARER = "Bearer ";

/**
 * `Authorization: Bearer …`: a key (`perdura_…`), or, where `tokens` knows them, a JWT. Where `sessions` are
 * kept, a request without the header may have the cookie of one instead.
 *
 * A busy sender is known by the text as it stands: neither a promise nor a pattern per request.
 */
export function permitBearer(
  keys: Doorkeeper,
  tokens: Doorkeeper | null = null,
  sessions: Permit | null = null,
): Permit {
  const ask = async (header: string) => {
    const [, text] = /^Bearer\s+(\S{1,8192})$/i.exec(header.trim()) ?? [];
    if (text === undefined) {
      throw new UnauthenticatedError("Send a key: Authorization: Bearer perdura_…");
    }
    const isKey = text.startsWith("perdura_");
    return permissionOf(await (isKey ? keys : tokens ?? keys).admit(text));
  };
  return (c) => {
    const header = c.req.header("authorization");
    if (header === undefined && sessions) return sessions(c);
    if (header?.startsWith(BEARER)) {
      const text = header.slice(BEARER.length);
      const access = keys.known(text) ?? tokens?.known(text);
      if (access) return permissionOf(access);
    }
    return ask(header ?? "");
  };
}

const permissions = new WeakMap<Access, Permission>();

/** What somebody may who has been let in. */
export function permissionOf(access: Access): Permission {
  const known = permissions.get(access);
  if (known) return known;
  const may = (scope: Scope) => isAllowed(access, scope);
  const made = { tenantId: access.tenantId, who: access.actor, may };
  permissions.set(access, made);
  return made;
}
