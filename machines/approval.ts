/**
 * Approval of one thing by one person: waits for a decision, escalates when none comes, and expires.
 *
 * Its delays are durable timers: a day and three by default.
 */
import { assign, setup } from "xstate";

const DAY_MS = 24 * 60 * 60 * 1000;

/** What an approval is started with. */
export interface ApprovalInput {
  readonly title: string;
  readonly approver: string;
  /** Until it escalates, milliseconds. Default: a day. */
  readonly escalateMs?: number | undefined;
  /** From then until it expires, milliseconds. Default: three days. */
  readonly expireMs?: number | undefined;
}

/** What it takes. */
export type ApprovalEvent =
  | { readonly type: "APPROVE"; readonly by: string }
  | { readonly type: "REJECT"; readonly by: string; readonly reason: string };

type Decision = "approved" | "rejected" | "expired";

interface ApprovalContext {
  readonly title: string;
  readonly approver: string;
  readonly escalateMs: number;
  readonly expireMs: number;
  readonly decision: Decision | null;
  readonly by: string | null;
  readonly reason: string | null;
}

/** The chart. */
export const approvalMachine = setup({
  types: {} as {
    context: ApprovalContext;
    events: ApprovalEvent;
    input: ApprovalInput;
    output: { decision: Decision | null; by: string | null; reason: string | null };
  },
  actions: {
    noteDecision: assign(({ event }, decision: Decision) => ({
      decision,
      by: "by" in event ? event.by : null,
      reason: "reason" in event ? event.reason : null,
    })),
  },
  delays: {
    escalate: ({ context }) => context.escalateMs,
    expire: ({ context }) => context.expireMs,
  },
}).createMachine({
  id: "approval",
  context: ({ input }) => ({
    title: input.title,
    approver: input.approver,
    escalateMs: input.escalateMs ?? DAY_MS,
    expireMs: input.expireMs ?? 3 * DAY_MS,
    decision: null,
    by: null,
    reason: null,
  }),
  initial: "pending",
  states: {
    pending: {
      initial: "waiting",
      states: {
        waiting: { tags: "waiting", after: { escalate: "escalated" } },
        escalated: {
          tags: ["waiting", "urgent"],
          after: {
            expire: {
              target: "#approval.expired",
              actions: { type: "noteDecision", params: "expired" },
            },
          },
        },
      },
      on: {
        APPROVE: {
          target: "approved",
          actions: { type: "noteDecision", params: "approved" },
        },
        REJECT: {
          target: "rejected",
          actions: { type: "noteDecision", params: "rejected" },
        },
      },
    },
    approved: { type: "final" },
    rejected: { type: "final" },
    expired: { type: "final" },
  },
  output: ({ context }) => ({
    decision: context.decision,
    by: context.by,
    reason: context.reason,
  }),
});
