/** Whether the server is in a state to work on: durability, vacuum, long transactions, connections. */
import { type Check, problem, warning } from "./finding.ts";

const LONG_S = 300;
const TOO_LONG_S = 3_600;
const DEAD_ROWS = 10_000;

/** About the server as a whole. */
export const serverChecks: readonly Check[] = [
  {
    name: "writes",
    well: "The database takes writes",
    look: async ({ sql }) => {
      const [row] = await sql`
        select pg_is_in_recovery() as standby,
               current_setting('default_transaction_read_only') = 'on' as shut`;
      if (row?.standby) {
        return [problem(
          "The server is a standby: nothing can be taken, and nothing runs",
          "DATABASE_URL must name the primary; or make it one: select pg_promote();",
        )];
      }
      return row?.shut
        ? [problem(
          "default_transaction_read_only is on: nothing can be taken, and nothing runs",
          "Reset it where it is set (server, database or role), and let Perdura connect anew.",
        )]
        : [];
    },
  },
  {
    name: "durability",
    well: "A commit is on disk, and on its standby where one is asked for",
    look: async ({ sql }) => {
      const [row] = await sql`
        select current_setting('fsync') as fsync, current_setting('full_page_writes') as pages,
               current_setting('synchronous_commit') as sync,
               current_setting('synchronous_standby_names') as standbys`;
      const off = [
        ...(row?.fsync === "on" ? [] : ["fsync"]),
        ...(row?.pages === "on" ? [] : ["full_page_writes"]),
      ];
      const found = off.map((name) =>
        problem(`${name} is off: a crash of the machine loses or breaks data`, `Set ${name} = on.`)
      );
      if (row?.sync === "off") {
        found.push(warning(
          "synchronous_commit is off for everybody: a crash loses the last jobs taken",
          "alter system reset synchronous_commit; claims turn it off by themselves.",
        ));
      }
      if (row?.standbys) found.push(...await missingStandby(sql));
      return found;
    },
  },
  {
    name: "vacuum",
    well: "Dead rows are being removed",
    look: async ({ sql }) => {
      const tables = await sql`
        select s.relname as name, s.n_dead_tup::int as dead, s.n_live_tup::int as live,
               coalesce('autovacuum_enabled=off' = any(c.reloptions)
                        or 'autovacuum_enabled=false' = any(c.reloptions), false) as off
          from pg_stat_user_tables s join pg_class c on c.oid = s.relid
         where s.schemaname = 'perdura'`;
      const [server] = await sql`select current_setting('autovacuum') as on`;
      return [
        ...(server?.on === "on" ? [] : [problem(
          "autovacuum is off: claims get slower with every job",
          "Set autovacuum = on.",
        )]),
        ...tables.filter(({ off }) => off).map(({ name }) =>
          problem(
            `autovacuum is off for ${name}`,
            `alter table perdura.${name} reset (autovacuum_enabled);`,
          )
        ),
        ...tables.filter(({ dead, live }) => dead > DEAD_ROWS && dead > live).map((t) =>
          warning(
            `${t.dead} of ${t.dead + t.live} rows of ${t.name} are dead`,
            `vacuum (verbose) perdura.${t.name}; it says what holds them back.`,
          )
        ),
      ];
    },
  },
  openTransactions(LONG_S, TOO_LONG_S),
  {
    name: "connections",
    well: "There are connections to spare",
    look: async ({ sql }) => {
      const [row] = await sql`
        select count(*)::int as used, current_setting('max_connections')::int as most
          from pg_stat_activity where backend_type = 'client backend'`;
      if (Number(row?.used) < 0.8 * Number(row?.most)) return [];
      return [warning(
        `${row?.used} of ${row?.most} connections are in use`,
        "Put a pooler in front (DATABASE_POOLER=transaction), or raise max_connections.",
      )];
    },
  },
];

/** Transactions that have been open for so many seconds: a warning, and a problem. */
export function openTransactions(longS: number, tooLongS: number): Check {
  return {
    name: "transactions",
    well: "No transaction is open for long",
    look: async ({ sql }) => {
      const rows = await sql`
        select pid, coalesce(application_name, '') as name, state,
               extract(epoch from now() - xact_start)::int as age
          from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
           and xact_start < now() - ${longS} * interval '1 second'
         order by xact_start limit 20`;
      const slots = await sql`
        select slot_name from pg_replication_slots where not active and xmin is not null`;
      const prepared = await sql`
        select gid from pg_prepared_xacts where prepared < now() - ${longS} * interval '1 second'`;
      return [
        ...rows.map(({ pid, name, state, age }) => {
          const tell = age < tooLongS ? warning : problem;
          const message = `Transaction of pid ${pid} ("${name}", ${state}) is open for ${age} s: ` +
            "dead rows stay, claims get slower";
          return tell(message, `select pg_terminate_backend(${pid}); and mend who opened it.`);
        }),
        ...prepared.map(({ gid }) =>
          problem(`Prepared transaction "${gid}" is open`, `rollback prepared '${gid}';`)
        ),
        ...slots.map(({ slot_name }) =>
          problem(
            `Replication slot "${slot_name}" holds dead rows and WAL back, and nobody reads it`,
            `select pg_drop_replication_slot('${slot_name}');`,
          )
        ),
      ];
    },
  };
}

async function missingStandby(sql: Parameters<Check["look"]>[0]["sql"]) {
  const rows = await sql`
    select from pg_stat_replication where sync_state in ('sync', 'quorum') limit 1`;
  if (rows.length > 0) return [];
  return [problem(
    "A synchronous standby is asked for, and none is connected: every commit waits for it",
    "Bring the standby back, or alter system reset synchronous_standby_names; and reload.",
  )];
}
