/**
 * The first version of approvals, which did not escalate: one wait, then it expired.
 *
 * Actors that were started with it go on with it; new ones are of the latest. Pages show what changed.
 */
import { assign, setup } from "xstate";
import type { ApprovalEvent, ApprovalInput } from "./approval.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

type Decision = "approved" | "rejected" | "expired";

interface FirstContext {
  readonly title: string;
  readonly approver: string;
  readonly expireMs: number;
  readonly decision: Decision | null;
  readonly by: string | null;
}

/** The chart. */
export const firstApprovalMachine = setup({
  types: {} as {
    context: FirstContext;
    events: ApprovalEvent;
    input: ApprovalInput;
    output: { decision: Decision | null; by: string | null };
  },
  actions: {
    noteDecision: assign(({ event }, decision: Decision) => ({
      decision,
      by: "by" in event ? event.by : null,
    })),
  },
  delays: { expire: ({ context }) => context.expireMs },
}).createMachine({
  id: "approval",
  context: ({ input }) => ({
    title: input.title,
    approver: input.approver,
    expireMs: input.expireMs ?? 3 * DAY_MS,
    decision: null,
    by: null,
  }),
  initial: "waiting",
  states: {
    waiting: {
      tags: "waiting",
      after: {
        expire: { target: "expired", actions: { type: "noteDecision", params: "expired" } },
      },
      on: {
        APPROVE: { target: "approved", actions: { type: "noteDecision", params: "approved" } },
        REJECT: { target: "rejected", actions: { type: "noteDecision", params: "rejected" } },
      },
    },
    approved: { type: "final" },
    rejected: { type: "final" },
    expired: { type: "final" },
  },
  output: ({ context }) => ({ decision: context.decision, by: context.by }),
});
