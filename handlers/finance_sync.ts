/**
 * `finance.sync`: copies what has changed in the table `ledger_entry` to `ledger_copy`, per tenant, piece
 * by piece; the next run goes on where this one ended.
 *
 * Rows change underneath. A number from a sequence is no mark to stop at: a transaction that took a low
 * one may commit after one that took a high one, and its rows would be passed over. So rows carry the id
 * of the transaction that wrote them last, and a run reads what was written below the oldest transaction
 * that was open at its start: there, nothing can appear any more.
 *
 * Whoever changes a row sets its `xid` to `pg_current_xact_id()`. Rows that are deleted are not told; and
 * a dump that is loaded into another server must set all of them anew, for it counts from its own.
 */
import { z } from "zod";
import {
  defineHandler,
  type Handler,
  type HandlerContext,
  type TransactionSql,
} from "perdura/handler";

const input = z.strictObject({
  /** Rows per transaction. */
  chunk: z.int().min(1).max(5_000).default(1_000),
});

/** Where a run stands: a row of the ledger, by the transaction that wrote it and its number. */
type Cursor = { readonly xid: string; readonly id: string };

const BEGINNING: Cursor = { xid: "0", id: "0" };
/** No index finds the last run: where a tenant has had more jobs since, the copy itself is asked. */
const JOBS_LOOKED_AT = 5_000;

/** The handler. */
export function financeSync(): Handler {
  return defineHandler({
    type: "finance.sync",
    input,
    timeoutMs: 60 * 60_000,
    handle: async ({ chunk }, context) => {
      const { from, mark } = await begin(context);
      let [at, copied, isMore] = [from, 0, true];
      for (let n = 0; isMore; n++) {
        context.signal.throwIfAborted();
        const piece = await copyPiece(context, n, at, mark, chunk);
        at = piece.at;
        copied += piece.copied;
        isMore = piece.copied === chunk;
        context.progress({ copied });
      }
      return { copied, cursor: at };
    },
  });
}

/** The tables, the end of the last run, and the mark up to which this one reads. */
function begin({ job, stepTransaction }: HandlerContext) {
  return stepTransaction("begin", async (sql) => {
    await makeTables(sql);
    const [last] = await sql`
      select output -> 'cursor' as cursor
        from (select id, type, output from perdura.job_archive where tenant_id = ${job.tenantId}
               order by id desc limit ${JOBS_LOOKED_AT}) as newest
       where type = ${job.type} and output is not null
       order by id desc limit 1`;
    const [now] = await sql`select pg_snapshot_xmin(pg_current_snapshot())::text as mark`;
    const { data } = cursorSchema.safeParse(last?.cursor);
    return { from: data ?? await reached(sql, job.tenantId), mark: String(now?.mark) };
  });
}

/**
 * The place that the copy itself is at: where no run has left one, many jobs have ended since, or outputs
 * are encrypted. Pieces come in order, so all that is below it has been copied.
 */
async function reached(sql: TransactionSql, tenantId: string): Promise<Cursor> {
  const [row] = await sql`
    select xid::text as xid, id::text as id from ledger_copy where tenant_id = ${tenantId}
     order by ledger_copy.xid desc, ledger_copy.id desc limit 1`;
  return row ? { xid: String(row.xid), id: String(row.id) } : BEGINNING;
}

const number = z.string().regex(/^\d{1,18}$/);
const cursorSchema = z.object({ xid: number, id: number });

/** Only where there are none: even to find that an index is there waits for all who write. */
async function makeTables(sql: TransactionSql): Promise<void> {
  const [found] = await sql`select to_regclass('ledger_copy') is not null as there`;
  if (found?.there) return;
  await sql`
      create table if not exists ledger_entry (
        tenant_id text not null, id bigint generated always as identity, account text not null,
        amount numeric not null, xid xid8 not null default pg_current_xact_id(),
        primary key (tenant_id, id))`;
  await sql`create index if not exists ledger_entry_xid on ledger_entry (tenant_id, xid, id)`;
  await sql`
      create table if not exists ledger_copy (
        tenant_id text not null, id bigint not null, account text not null, amount numeric not null,
        xid xid8 not null, primary key (tenant_id, id))`;
}

function copyPiece(
  { job, stepTransaction }: HandlerContext,
  n: number,
  at: Cursor,
  mark: string,
  chunk: number,
) {
  return stepTransaction(`piece ${n}`, async (sql) => {
    const [end] = await sql`
      with piece as (
        select tenant_id, id, account, amount, xid from ledger_entry
         where tenant_id = ${job.tenantId} and (xid, id) > (${at.xid}::text::xid8, ${at.id}::bigint)
           and xid < ${mark}::text::xid8
         order by xid, id limit ${chunk}),
      copied as (
        insert into ledger_copy as c (tenant_id, id, account, amount, xid)
        select tenant_id, id, account, amount, xid from piece
        on conflict (tenant_id, id) do update
          set account = excluded.account, amount = excluded.amount, xid = excluded.xid
          -- Another run at the same time may have read the row later, and written it already.
          where c.xid < excluded.xid)
      select count(*)::int as copied, (array_agg(xid::text order by xid desc, id desc))[1] as xid,
             (array_agg(id::text order by xid desc, id desc))[1] as id
        from piece`;
    const copied = Number(end?.copied);
    return { copied, at: copied === 0 ? at : { xid: String(end?.xid), id: String(end?.id) } };
  });
}
