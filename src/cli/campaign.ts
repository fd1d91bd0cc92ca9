/** What the sample `campaign` does to the world: its jobs, started and counted in the database. */
import { fromPromise } from "xstate";
import type { Tally, Window } from "../../machines/campaign.ts";
import { activityContext } from "../runtime/activities.ts";

/** Implementations for `campaignMachine.provide`. @param type Of the jobs, which take `{ to, subject }`. */
export function campaignActors(type: string) {
  const open = fromPromise<readonly string[], Window>(async ({ input, self }) => {
    const { job, transaction } = activityContext(self);
    const options = JSON.stringify({ tenantId: job.tenantId });
    // The jobs come to be in the commit that ends this activity: a window is started once.
    return await transaction(async (sql) => {
      const rows = await sql`
        select perdura.enqueue(
                 ${type}, jsonb_build_object('to', r.name, 'subject', ${input.subject}::text),
                 ${options}::text::jsonb) as id
          from jsonb_array_elements_text(${
        JSON.stringify(input.recipients)
      }::text::jsonb) as r(name)`;
      return rows.map(({ id }) => String(id));
    });
  });
  const count = fromPromise<Tally, { readonly jobs: readonly string[] }>(
    async ({ input, self }) => {
      const { job: { tenantId }, transaction } = activityContext(self);
      const ids = JSON.stringify(input.jobs);
      return await transaction(async (sql) => {
        const [row] = await sql`
        with mine as materialized (
          select ${tenantId}::text as tenant, value::uuid as id
            from jsonb_array_elements_text(${ids}::text::jsonb))
        select (select count(*) from perdura.inbox x join mine on x.tenant_id = tenant and x.id = mine.id)
             + (select count(*) from perdura.job x join mine on x.tenant_id = tenant and x.id = mine.id)
                 as waiting,
               (select count(*) from perdura.dead_letter x
                  join mine on x.tenant_id = tenant and x.id = mine.id) as failed`;
        const [waiting, failed] = [Number(row?.waiting), Number(row?.failed)];
        return { waiting, failed, sent: input.jobs.length - waiting - failed };
      });
    },
  );
  return { open, count };
}
