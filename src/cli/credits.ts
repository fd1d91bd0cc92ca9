/** What the sample `credits.grant` does to the world, as a master actor with jobs for its chunks. */
import { fromPromise } from "xstate";
import { z } from "zod";
import { creditTables } from "../../handlers/credits_grant.ts";
import {
  creditsMachine,
  type Grant,
  type Granted,
  type Publication,
} from "../../machines/credits.ts";
import { defineMachine } from "../core/actor/mod.ts";
import { PermanentError } from "../core/errors.ts";
import { activityContext } from "../runtime/activities.ts";
import { forEach, type Page, pageOf, type PageRequest } from "../runtime/for_each.ts";
import { linesOf } from "./lines.ts";

/** Customers of one job. */
const CHUNK = 500;

const begin = fromPromise<string, null>(async ({ self }) => {
  const { job, transaction } = activityContext(self);
  return await transaction(async (sql) => {
    await creditTables(sql);
    // The same for every attempt.
    return job.id;
  });
});

const prepare = forEach({
  policy: { window: 20, onFailure: "stop" },
  next: async ({ of, limit, ...request }: PageRequest<Grant>): Promise<Page<readonly string[]>> => {
    const wanted = { ...request, limit: limit * CHUNK };
    const { items, ...rest } = of.fileId === undefined
      ? pageOf(of.customers ?? [], wanted)
      : await linesOf(of.fileId, wanted);
    const chunks = Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, n) => {
      return items.slice(n * CHUNK, (n + 1) * CHUNK);
    });
    return { ...rest, items: chunks };
  },
  job: (customers: readonly string[], { grantId, amount }) => ({
    type: "credits.prepare",
    payload: { grantId, amount, customers: [...new Set(customers)] },
    label: `from ${customers[0]}`,
  }),
});

/** An actor that is taken back and goes this way again finds that it has granted. */
const publish = fromPromise<Granted, Publication>(async ({ input, self }) => {
  const { job: { tenantId }, transaction } = activityContext(self);
  const { grantId, name, amount, source } = input;
  return await transaction(async (sql) => {
    const [row] = await sql`
      select count(*)::int as n from credit_entry
       where tenant_id = ${tenantId} and grant_id = ${grantId}::uuid`;
    const customers = Number(row?.n);
    if (customers === 0) throw new PermanentError("It names no customers");
    const made = await sql`
      insert into credit_grant (tenant_id, id, name, source)
      values (${tenantId}, ${grantId}::uuid, ${name}, ${source})
      on conflict do nothing returning id`;
    if (made.length === 0) throw new PermanentError(`"${source}" has granted already`);
    return { customers, total: customers * amount };
  });
});

const input = z.strictObject({
  name: z.string().min(1).max(200),
  amount: z.int().min(1).max(1_000_000_000),
  customers: z.array(z.string().min(1).max(100)).min(1).max(5_000).optional(),
  fileId: z.uuid().optional(),
  scheduledFor: z.string().optional(),
}).refine(({ customers, fileId }) => (customers === undefined) !== (fileId === undefined), {
  path: ["customers"],
  message: "Give either customers or fileId",
});

/** The machine `credits.grant`. */
export const creditGrants = defineMachine(
  creditsMachine.provide({ actors: { begin, prepare, publish } }),
  {
    version: "1",
    unhandled: "reject",
    input,
    events: z.strictObject({ type: z.literal("CANCEL"), reason: z.string().max(500).optional() }),
    actors: { begin: { maxAttempts: 20 }, publish: { maxAttempts: 20 } },
  },
);
