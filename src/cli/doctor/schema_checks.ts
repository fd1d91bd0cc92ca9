/** Whether the database is one that this program can work on: version, schema, rights, indexes. */
import { migrate, migrations } from "../../store/migrate.ts";
import { MigrationError } from "../../store/migration_error.ts";
import { blindLogin, remedyFor } from "../../store/blind_login.ts";
import { migrationOf } from "../service.ts";
import { type Check, type Patient, problem, warning } from "./finding.ts";

const OLDEST = 150_000;
const NEWEST = 189_999;
const SKEW_WARNING_MS = 2_000;
const SKEW_PROBLEM_MS = 60_000;

/** In the order in which one depends on the other. */
export const schemaChecks: readonly Check[] = [
  {
    name: "version",
    well: "PostgreSQL is one of 15 to 18",
    look: async ({ sql }) => {
      const [row] = await sql`
        select current_setting('server_version_num')::int as n, current_setting('server_version') as v`;
      if (row?.n >= OLDEST && row?.n <= NEWEST) return [];
      return [
        problem(`PostgreSQL ${row?.v} is none of 15 to 18`, "Move to one of these versions."),
      ];
    },
  },
  { name: "migrations", well: "The schema is that of this program", look: lookAtMigrations },
  {
    name: "permissions",
    well: "The role may read and write every table",
    look: async ({ sql }) => {
      const rows = await sql`
        select c.relname, p.privilege from pg_class c
          cross join unnest(array['select', 'insert', 'update', 'delete']) as p(privilege)
         where c.relnamespace = to_regnamespace('perdura') and c.relkind in ('r', 'p')
           and not has_table_privilege(c.oid, p.privilege)`;
      const blind = await blindLogin(sql);
      const unseen = blind === null ? [] : [problem(`"${blind}" sees no rows`, remedyFor(blind))];
      const [first] = rows;
      if (!first) return unseen;
      const [who] = await sql`select current_user as name`;
      const remedy = "grant select, insert, update, delete on all tables in schema perdura to " +
        `"${who?.name}";`;
      const more = rows.length > 1 ? ` and ${rows.length - 1} more` : "";
      return [
        problem(`"${who?.name}" may not ${first.privilege} on ${first.relname}${more}`, remedy),
        ...unseen,
      ];
    },
  },
  {
    name: "clock",
    well: "Clocks of this machine and of the database agree",
    look: async ({ sql }) => {
      const before = Date.now();
      const [row] = await sql`select extract(epoch from clock_timestamp()) * 1000 as ms`;
      const at = Number(row?.ms);
      // It was read at some time between the two, however long the answer took.
      const skewMs = Math.max(0, before - at, at - Date.now());
      if (skewMs < SKEW_WARNING_MS) return [];
      const tell = skewMs < SKEW_PROBLEM_MS ? warning : problem;
      return [tell(
        `Clocks differ by ${Math.round(skewMs)} ms: ids and log lines are dated wrongly`,
        "Run NTP on both machines. Leases are not affected: the database times them.",
      )];
    },
  },
  { name: "indexes", well: "Every index is there, and valid", look: lookAtIndexes },
];

async function lookAtMigrations({ sql, settings }: Patient) {
  const [there] = await sql`select to_regclass('perdura.migration') is not null as yes`;
  if (!there?.yes) return [problem("There is no schema yet", "Run `perdura migrate`.")];
  const url = settings.DATABASE_URL;
  try {
    const known = migrations.length;
    const [applied] = await sql`select max(id) as id, count(*)::int as n from perdura.migration`;
    if (Number(applied?.id) > Number(migrations.at(-1)?.id)) {
      return [warning(
        "The schema is newer than this program",
        "Go on with the upgrade: an older program works on a newer schema, for one release.",
      )];
    }
    const { pending } = url === null
      ? { pending: migrations.slice(Number(applied?.n ?? known)) }
      : await migrate({ ...migrationOf(settings, url), plan: true });
    const names = pending.map(({ name }) => name).join(", ");
    return pending.length > 0 ? [problem(`Not migrated: ${names}`, "Run `perdura migrate`.")] : [];
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    return [
      problem(error.message, "Start the program whose files were applied, not a changed one."),
    ];
  }
}

/** Those that migrations make and none of them drops. */
function expectedIndexes(): Map<string, string> {
  const made = new Map<string, string>();
  for (const { text } of migrations) {
    for (const [statement, name] of text.matchAll(/^create (?:unique )?index (\w+)[^;]*;/gm)) {
      if (name) made.set(name, statement.replaceAll(/\s+/g, " "));
    }
    for (const [, name] of text.matchAll(/drop index (?:if exists )?perdura\.(\w+)/g)) {
      if (name) made.delete(name);
    }
  }
  return made;
}

async function lookAtIndexes({ sql }: Patient) {
  const rows = await sql`
    select c.relname as name, i.indisvalid as ok from pg_index i join pg_class c on c.oid = i.indexrelid
     where c.relnamespace = to_regnamespace('perdura')`;
  const there = new Set(rows.map(({ name }) => String(name)));
  const missing = [...expectedIndexes()].filter(([name]) => !there.has(name));
  const invalid = rows.filter(({ ok }) => !ok);
  return [
    ...missing.map(([name, statement]) => problem(`Index ${name} is missing`, statement)),
    ...invalid.map(({ name }) =>
      problem(`Index ${name} is invalid`, `reindex index concurrently perdura.${name};`)
    ),
  ];
}
