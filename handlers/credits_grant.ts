/**
 * `credits.grant`: a credit for many customers that appears all at once.
 *
 * Chunks are prepared where nobody looks, each in a transaction of its own; then one row says that the
 * grant counts, in the transaction that ends the job. Whoever reads `customer_credit` sees all of a grant
 * or nothing of it, and a grant counts once whatever dies on the way.
 */
import { z } from "zod";
import {
  defineHandler,
  giveUp,
  type Handler,
  type HandlerContext,
  type TransactionSql,
} from "perdura/handler";

/** What is no UTF-8 in a file is told, not credited to somebody of another name. */
const customer = z.string().min(1).max(100)
  .refine((name) => !/[\0\uFFFD]/.test(name), "Is not UTF-8");

const input = z.strictObject({
  /** For people. */
  name: z.string().min(1).max(200),
  /** In the smallest coin, for each customer. */
  amount: z.int().min(1).max(1_000_000_000),
  /** All of a file with one customer per line, or these. */
  customers: z.array(customer).min(1).max(5_000).optional(),
  fileId: z.uuid().optional(),
}).refine(({ customers, fileId }) => (customers === undefined) !== (fileId === undefined), {
  path: ["customers"],
  message: "Give either customers or fileId",
});

const CHUNK = 1_000;

/** The handler. */
export function creditsGrant(): Handler {
  return defineHandler({
    type: "credits.grant",
    input,
    timeoutMs: 60 * 60_000,
    handle: async ({ name, amount, customers, fileId }, context) => {
      const all = customers ?? await customersOf(fileId ?? "", context);
      const unique = [...new Set(all)];
      if (unique.length === 0) return giveUp(new Error("The file names no customers"));
      const bad = all.findIndex((name) => !customer.safeParse(name).success);
      if (bad >= 0) return giveUp(new Error(`Customer ${bad + 1} of the file is not a name`));
      await makeTables(context);
      for (let from = 0; from < unique.length; from += CHUNK) {
        context.signal.throwIfAborted();
        await prepare(unique.slice(from, from + CHUNK), amount, from, context);
        context.progress({ prepared: Math.min(from + CHUNK, unique.length), of: unique.length });
      }
      return await publish(name, unique.length, amount, context);
    },
  });
}

const chunkInput = z.strictObject({
  grantId: z.uuid(),
  amount: input.shape.amount,
  customers: z.array(customer).min(1).max(CHUNK),
});

/** `credits.prepare`: one chunk of a grant by the machine `credits.grant`, where nobody looks yet. */
export function creditsPrepare(): Handler {
  return defineHandler({
    type: "credits.prepare",
    input: chunkInput,
    handle: ({ grantId, amount, customers }, { job, transaction }) =>
      transaction(async (sql) => {
        await sql`
          insert into credit_entry (tenant_id, grant_id, customer, amount)
          select ${job.tenantId}, ${grantId}::uuid, c, ${amount}::bigint
            from jsonb_array_elements_text(${JSON.stringify(customers)}::text::jsonb) as c
          on conflict (tenant_id, grant_id, customer) do nothing`;
        return { prepared: customers.length };
      }),
  });
}

async function customersOf(fileId: string, context: HandlerContext): Promise<string[]> {
  const file = await context.file(fileId);
  const text = await new Response(ReadableStream.from(file.pieces())).text();
  return text.split(/[\r\n]/).map((line) => line.trim()).filter((line) => line !== "");
}

function makeTables({ stepTransaction }: HandlerContext) {
  return stepTransaction("tables", async (sql) => {
    await creditTables(sql);
    return null;
  });
}

/** The tables, where there are none. */
export async function creditTables(sql: TransactionSql): Promise<void> {
  // To replace a view waits for all who read it.
  const [found] = await sql`select to_regclass('customer_credit') is not null as there`;
  if (found?.there) return;
  await sql`
    create table if not exists credit_grant (
      tenant_id text not null, id uuid not null, name text not null, source text,
      published_at timestamptz not null default now(), primary key (tenant_id, id),
      unique (tenant_id, source))`;
  await sql`
    create table if not exists credit_entry (
      tenant_id text not null, grant_id uuid not null, customer text not null, amount bigint not null,
      primary key (tenant_id, grant_id, customer))`;
  await sql`
    create or replace view customer_credit as
      select e.tenant_id, e.customer, sum(e.amount) as amount
        from credit_entry e join credit_grant g on g.tenant_id = e.tenant_id and g.id = e.grant_id
       group by e.tenant_id, e.customer`;
}

function prepare(
  chunk: readonly string[],
  amount: number,
  from: number,
  { job, stepTransaction }: HandlerContext,
) {
  return stepTransaction(`chunk ${from}`, async (sql) => {
    await sql`
      insert into credit_entry (tenant_id, grant_id, customer, amount)
      select ${job.tenantId}, ${job.id}::uuid, c, ${amount}::bigint
        from jsonb_array_elements_text(${JSON.stringify(chunk)}::text::jsonb) as c`;
    return chunk.length;
  });
}

function publish(name: string, customers: number, amount: number, context: HandlerContext) {
  const { job, transaction } = context;
  return transaction(async (sql) => {
    await sql`
      insert into credit_grant (tenant_id, id, name)
      values (${job.tenantId}, ${job.id}::uuid, ${name})`;
    return { customers, total: customers * amount };
  });
}
