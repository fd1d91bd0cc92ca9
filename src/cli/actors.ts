/** The machines whose actors this program keeps alive, and what steps them. */
import { fromPromise } from "xstate";
import { z } from "zod";
import { approvalMachine } from "../../machines/approval.ts";
import { firstApprovalMachine } from "../../machines/approval_first.ts";
import { campaignMachine } from "../../machines/campaign.ts";
import { orderMachine } from "../../machines/order.ts";
import { subscriptionMachine } from "../../machines/subscription.ts";
import { defineMachine } from "../core/actor/mod.ts";
import { systemClock } from "../core/clock.ts";
import { activityContext } from "../runtime/activities.ts";
import { Actors } from "../runtime/actors.ts";
import { leaveJob } from "../runtime/leaving.ts";
import { Machines } from "../runtime/machines.ts";
import { Turner } from "../runtime/turner.ts";
import type { Store } from "../store/store.ts";
import { campaignActors } from "./campaign.ts";
import { creditGrants } from "./credits.ts";
import { emailCampaigns } from "./email_campaign.ts";
import { nameOf, NONE } from "./own_modules.ts";
import type { OwnModules, Settings } from "./settings.ts";

const name = z.string().min(1).max(200);
const duration = z.int().min(0).max(365 * 24 * 3_600_000).optional();

/** The sample machines, and those of the user's own: one of the same name stands in for a sample. */
export function machinesOf(debug: boolean, own: OwnModules = NONE): Machines {
  const samples = [
    firstApprovals,
    approvals,
    ordersOf(debug),
    subscriptions,
    campaigns,
    emailCampaigns,
    creditGrants,
  ];
  const names = new Set(own.machines.map(nameOf));
  return new Machines([...samples.filter(({ name }) => !names.has(name)), ...own.machines]);
}

const approval = {
  unhandled: "reject",
  input: z.strictObject({
    title: name,
    approver: name,
    escalateMs: duration,
    expireMs: duration,
  }),
  events: z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("APPROVE"), by: name }),
    z.strictObject({ type: z.literal("REJECT"), by: name, reason: z.string().max(2_000) }),
  ]),
} as const;

/** The latest stands last: new actors are of it. */
const firstApprovals = defineMachine(firstApprovalMachine, { ...approval, version: "0" });
const approvals = defineMachine(approvalMachine, { ...approval, version: "1" });

const subscriptions = defineMachine(subscriptionMachine, {
  version: "1",
  unhandled: "reject",
  input: z.strictObject({
    customer: name,
    plan: name,
    trialMs: duration,
    periodMs: duration,
    retryMs: duration,
  }),
  events: z.discriminatedUnion("type", [
    z.strictObject({ type: z.enum(["PAY", "KEEP"]) }),
    z.strictObject({ type: z.literal("CANCEL"), reason: z.string().max(500).optional() }),
  ]),
});

const campaigns = defineMachine(campaignMachine.provide({ actors: campaignActors("email.send") }), {
  version: "1",
  unhandled: "reject",
  input: z.strictObject({
    subject: name,
    recipients: z.array(z.string().min(1).max(320)).min(1).max(10_000),
    window: z.int().min(1).max(1_000).optional(),
    lookMs: z.int().min(10).max(3_600_000).optional(),
  }),
  events: z.strictObject({ type: z.literal("CANCEL"), reason: z.string().max(500).optional() }),
  actors: { open: { maxAttempts: 20 }, count: { maxAttempts: 20 } },
});

function ordersOf(debug: boolean) {
  return defineMachine(debug ? orderMachine.provide({ actors: noted }) : orderMachine, {
    version: "1",
    unhandled: "reject",
    input: z.strictObject({
      total: z.number().min(0),
      items: z.array(name).min(1).max(1_000),
      remindMs: duration,
      packMs: duration,
    }),
    events: z.discriminatedUnion("type", [
      z.strictObject({ type: z.enum(["PICKED", "PACKED", "HOLD", "RELEASE"]) }),
      z.strictObject({ type: z.literal("CANCEL"), reason: z.string().max(500).optional() }),
    ]),
    actors: { refund: { maxAttempts: 100 }, giveBack: { maxAttempts: 100 } },
  });
}

/** Each step of an order leaves a row, in the commit that ends its job: a double would show. */
const noted = {
  reserve: noting("reservation"),
  charge: noting("charge"),
  ship: noting("parcel"),
  refund: noting("refund"),
  giveBack: noting("given back"),
};

function noting(what: string) {
  return fromPromise<string, { order: string }>(async ({ input: { order }, self }) => {
    const { job, transaction } = activityContext(self);
    return await transaction(async (sql) => {
      await sql`
        insert into debug_effect (key, job_id, attempt)
        values (${`${what}:${order}`}, ${job.id}, ${job.attempt})`;
      return `${what}:${order}`;
    });
  });
}

/** What steps them on one store, and what clients do with them. */
export function actorsOf(
  settings: Settings,
  store: Store,
  machines: Machines,
): { turner: Turner; actors: Actors } {
  const host = {
    store,
    clock: systemClock,
    machines,
    defaults: {
      maxAttempts: settings.JOB_MAX_ATTEMPTS,
      maxCrashes: settings.JOB_MAX_CRASHES,
      tenantRate: settings.TENANT_RATE_PER_MINUTE,
    },
    cancelJob: (tenantId: string, id: string) =>
      leaveJob({ store, clock: systemClock }, tenantId, id),
  };
  const turner = new Turner(host);
  return { turner, actors: new Actors(host, turner) };
}
