/**
 * Who may do what: the one seam between the routes and whatever checks credentials.
 *
 * Without authentication everything is allowed, to any tenant that the request names.
 */
import type { Context } from "hono";
import { ForbiddenError } from "../core/errors.ts";

/**
 * What a route asks for: to look, to send jobs and events, to do a worker's part, or to act on many
 * jobs and tenants.
 */
export type Scope = "read" | "write" | "work" | "admin";

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
