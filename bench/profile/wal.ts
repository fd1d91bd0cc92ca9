/** Which table or index the WAL of an interval was written for, by pg_walinspect. */
import type { Server } from "../place/postgres.ts";

/** WAL bytes of one relation; partitions count for their table. */
export interface WalShare {
  readonly relation: string;
  readonly bytes: number;
  /** Full-page images after a checkpoint, contained in `bytes`. */
  readonly images: number;
}

const SHARES = `
  with block as (
    select b.relfilenode, b.start_lsn, b.block_fpi_length as image,
           b.record_length / count(*) over (partition by b.start_lsn) as bytes
      from pg_get_wal_block_info($1::text::pg_lsn, $2::text::pg_lsn, false) b
     where b.reldatabase = (select oid from pg_database where datname = current_database())),
  relation as (
    select pg_relation_filenode(c.oid) as node,
           case when i.indexrelid is null then '' else 'index of ' end ||
           coalesce(p.inhparent, i.indrelid, c.oid)::regclass ||
           case when c.relkind = 't' then ' (toast)' else '' end ||
           case when i.indisprimary then ' (primary key)' else '' end as name
      from pg_class c
      left join pg_index i on i.indexrelid = c.oid
      left join pg_inherits p on p.inhrelid = coalesce(i.indrelid, c.oid)
     where c.relkind in ('r', 'i', 't'))
  select coalesce(r.name, 'gone or of the catalog') as relation, sum(b.bytes)::float8 as bytes,
         sum(b.image)::float8 as images
    from block b left join relation r on r.node = b.relfilenode
   group by 1 order by 2 desc`;

/** Where the server writes now. */
export async function walPosition(server: Server, database: string): Promise<string> {
  const [row] = await server.run(database, "select pg_current_wal_insert_lsn()::text as lsn");
  return String(row?.lsn);
}

/** The shares of an interval, largest first. */
export async function walShares(
  server: Server,
  database: string,
  from: string,
  to: string,
): Promise<WalShare[]> {
  await using sql = server.connect(database);
  // pg_walinspect reads what has been flushed.
  await sql.unsafe("select txid_current()");
  return await sql.unsafe<WalShare[]>(SHARES, [from, to]);
}
