/** Who looks: what this page may do. Without an answer everything is tried, and the API decides. */
import { signal } from "@preact/signals";
import { call } from "./api.ts";

/** What the server says of the one who looks. */
export interface Session {
  /** `none`: nobody signs in here. */
  readonly auth: "none" | "keys";
  readonly name: string | null;
  readonly tenantId: string | null;
  readonly scopes: { readonly read: boolean; readonly write: boolean; readonly admin: boolean };
}

/** Null until it is known: nothing is offered before. */
export const session = signal<Session | null>(null);

/** Asks the server. */
export async function loadSession(): Promise<void> {
  try {
    session.value = await call<Session>("/ui/session");
  } catch {
    session.value = null;
  }
}

/** Whether controls of a kind are shown. */
export function may(scope: "write" | "admin"): boolean {
  return session.value?.scopes[scope] ?? false;
}
