/** The door of the API: who calls, and what each route demands. Routes that demand nothing are shut. */
import type { Context, MiddlewareHandler } from "hono";
import { type Access, demand, openAccess, type Scope } from "../core/access.ts";
import { UnauthenticatedError } from "../core/errors.ts";
import type { Gatekeeper } from "../runtime/gatekeeper.ts";

declare module "hono" {
  interface ContextVariableMap {
    access: Access | null;
  }
}

/** What a route demands; `anyone` is said, never assumed. */
export type Permission = Scope | "anyone";

/** The middleware of one route, with what it demands: tests read it. */
export type Permit = MiddlewareHandler & { readonly permission: Permission };

/** Finds out who calls. Null gatekeeper: AUTH=none, everybody on the loopback may do all. */
export function identify(gatekeeper: Gatekeeper | null): MiddlewareHandler {
  return async (c, next) => {
    const header = c.req.header("authorization");
    c.set("access", gatekeeper === null ? openAccess : await admitted(gatekeeper, header));
    await next();
  };
}

/** Lets through who may. */
export function permit(permission: Permission): Permit {
  const check: MiddlewareHandler = async (c, next) => {
    if (permission !== "anyone") demand(accessOf(c), permission);
    await next();
  };
  return Object.assign(check, { permission });
}

/** The caller. @throws {UnauthenticatedError} */
export function accessOf(c: Context): Access {
  const access = c.get("access");
  if (!access) throw new UnauthenticatedError("Send a key: Authorization: Bearer perdura_…");
  return access;
}

async function admitted(
  gatekeeper: Gatekeeper,
  header: string | undefined,
): Promise<Access | null> {
  if (header === undefined) return null;
  const [, text] = /^Bearer\s+(\S{1,4096})$/i.exec(header.trim()) ?? [];
  if (text === undefined) throw new UnauthenticatedError("Authorization is not a bearer token");
  return await gatekeeper.admit(text);
}
