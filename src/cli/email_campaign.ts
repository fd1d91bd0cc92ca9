/** What the sample `email.campaign` does to the world: reads addresses, sends mails, lists failures. */
import { fromPromise } from "xstate";
import { z } from "zod";
import {
  type EmailCampaignInput,
  emailCampaignMachine,
  type Unsent,
} from "../../machines/email_campaign.ts";
import { defineMachine } from "../core/actor/mod.ts";
import { activityContext } from "../runtime/activities.ts";
import { forEach, type Page, pageOf } from "../runtime/for_each.ts";
import { linesOf } from "./lines.ts";
import type { HandlerContext } from "../runtime/context.ts";

const LISTED_MAX = 1_000;

const send = forEach({
  policy: ({ window }: EmailCampaignInput) => window === undefined ? {} : { window },
  next: async ({ of, ...request }): Promise<Page<string>> =>
    of.fileId === undefined
      ? pageOf(of.recipients ?? [], request)
      : await linesOf(of.fileId, request),
  job: (to, { subject, body, maxAttempts }) => ({
    type: "email.send",
    payload: { to, subject, ...body === undefined ? {} : { body } },
    label: to,
    limitKey: providerOf(to),
    ...maxAttempts === undefined ? {} : { maxAttempts },
  }),
});

/** Mails to one provider share the limits of this key: `PUT /limit-keys/mail:example.org/limits`. */
function providerOf(address: string): string {
  const [, domain = ""] = /@([a-z0-9.-]{1,100})$/.exec(address.toLowerCase()) ?? [];
  return domain === "" ? "mail:none" : `mail:${domain}`;
}

const report = fromPromise<readonly Unsent[], { readonly of: string }>(
  async ({ input, self }) => await unsentOf(input.of, activityContext(self)),
);

async function unsentOf(of: string, { job, transaction }: HandlerContext): Promise<Unsent[]> {
  return await transaction(async (sql) => {
    const rows = await sql`
      select f.label, coalesce(f.error ->> 'message', 'It was given up') as message
        from perdura.member_failure f
        join perdura.actor a on a.tenant_id = f.tenant_id and a.id = f.actor_id
       where f.tenant_id = ${job.tenantId} and f.actor_id = ${of}
         and f.gen = coalesce((a.snapshot -> 'birth' ->> 'gen')::integer, 0)
       order by f.job_id limit ${LISTED_MAX}`;
    return rows.map(({ label, message }) => ({
      to: label === null ? null : String(label),
      message: String(message).slice(0, 500),
    }));
  });
}

const input = z.strictObject({
  subject: z.string().min(1).max(998),
  body: z.string().max(500_000).optional(),
  recipients: z.array(z.string().max(320)).min(1).max(10_000).optional(),
  fileId: z.uuid().optional(),
  window: z.int().min(1).max(10_000).optional(),
  maxAttempts: z.int().min(1).max(100).optional(),
  scheduledFor: z.string().optional(),
}).refine(({ recipients, fileId }) => (recipients === undefined) !== (fileId === undefined), {
  path: ["recipients"],
  message: "Give either recipients or fileId",
});

/** The machine `email.campaign`. */
export const emailCampaigns = defineMachine(
  emailCampaignMachine.provide({ actors: { send, report } }),
  {
    version: "1",
    unhandled: "reject",
    input,
    events: z.strictObject({ type: z.literal("CANCEL"), reason: z.string().max(500).optional() }),
    actors: { report: { maxAttempts: 20 } },
  },
);
