/**
 * Which tables are Perdura's own: those that its migrations make.
 *
 * The schema may hold others: PostgreSQL's own search path puts what a login named `perdura` makes into
 * the schema of that name. They are their owner's; a start that locked them would wait for whoever
 * writes to them, and everybody else behind it.
 */

/** Names without the schema, in order, as `perdura.own_tables` tells them to SQL. */
export function ownTables(migrations: readonly { readonly text: string }[]): string {
  const made = migrations.flatMap((
    { text },
  ) => [...text.matchAll(/create table perdura\.(\w+)/gi)]);
  return [...new Set(made.map(([, name = ""]) => name))].toSorted().join(",");
}
