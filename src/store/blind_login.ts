/** Logins that are in no role of the wall: row-level security shows them no row, and tells them nothing. */
import type postgres from "postgres";
import { MigrationError } from "./migration_error.ts";
import { field } from "./rows.ts";

/** A worker of such a login would see no job, and wait. */
export class BlindLoginError extends MigrationError {
  constructor(login: string) {
    super(`The role ${login} sees no rows: ${remedyFor(login)}`);
  }
}

/** What whoever may grant it has to say. */
export function remedyFor(login: string): string {
  return `grant perdura_tenant, perdura_sender, perdura_runner to "${login}";`;
}

/** The login of a client that would see no rows of the schema; null: it sees them. */
export async function blindLogin(client: postgres.Sql): Promise<string | null> {
  const [of] = await client`
    select current_user as login,
           coalesce(row_security_active(to_regclass('perdura.job')::oid), false) and not exists (
             select from pg_roles where rolname = 'perdura_runner' and pg_has_role(oid, 'usage')) as is_blind`;
  return field<boolean>(of, "is_blind") ? field<string>(of, "login") : null;
}
