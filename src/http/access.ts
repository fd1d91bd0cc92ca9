/**
 * Who may do what: the one seam between the routes and whatever checks credentials.
 *
 * Without authentication everything is allowed, to any tenant that the request names.
 */
import type { Context } from "hono";
import { isAllowed, type Scope as KeyScope } from "../core/access.ts";
import { ForbiddenError, UnauthenticatedError } from "../core/errors.ts";
import type { Gatekeeper } from "../runtime/gatekeeper.ts";

/**
 * What a route asks for: to look, to send jobs and events, to do a worker's part, to act on many
 * jobs and tenants, to have work done here, or to read numbers.
 */
export type Scope = "read" | "write" | "work" | "admin" | "drive" | "metrics";

/** What the sender of one request may do. */
export interface Permission {
  /** Its own tenant; null: the request names one, or means any. */
  readonly tenantId: string | null;
  may(scope: Scope): boolean;
}

/** Finds out who sends a request. @throws {PerduraError} Nobody who is known. */
export type Permit = (c: Context) => Permission | Promise<Permission>;

/** `AUTH=none`. */
export const allowAll: Permit = () => everything;

const everything: Permission = { tenantId: null, may: () => true };

/** @throws {ForbiddenError} */
export function demand(permission: Permission, scope: Scope): void {
  if (!permission.may(scope)) throw new ForbiddenError(`This needs the scope "${scope}"`);
}

/** `AUTH=keys`: `Authorization: Bearer perdura_…`. */
export function permitKeys(gatekeeper: Gatekeeper): Permit {
  return async (c) => {
    const header = c.req.header("authorization")?.trim() ?? "";
    const [, text] = /^Bearer\s+(\S{1,4096})$/i.exec(header) ?? [];
    if (text === undefined) {
      throw new UnauthenticatedError("Send a key: Authorization: Bearer perdura_…");
    }
    const access = await gatekeeper.admit(text);
    const may = (scope: Scope) => granting[scope].some((granted) => isAllowed(access, granted));
    return { tenantId: access.tenantId, may };
  };
}

/** What a key must be good for, any of them, for what a route asks. */
const granting: Readonly<Record<Scope, readonly KeyScope[]>> = {
  read: ["read"],
  write: ["enqueue", "operate"],
  work: ["worker"],
  admin: ["operate"],
  drive: ["drive"],
  metrics: ["metrics"],
};
