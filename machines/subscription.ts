/**
 * A subscription: a trial, then period after period, each charged; reminders when a charge fails, and an
 * end that waits for what has been paid.
 *
 * All of its life is timers of weeks: an actor that sleeps costs a row.
 */
import { assign, fromPromise, setup, stateIn } from "xstate";

const DAY_MS = 24 * 60 * 60 * 1000;

/** What a subscription is started with. Durations in milliseconds. */
export interface SubscriptionInput {
  readonly customer: string;
  readonly plan: string;
  /** Default: two weeks. */
  readonly trialMs?: number | undefined;
  /** Default: thirty days. */
  readonly periodMs?: number | undefined;
  /** Between two tries to charge. Default: three days. */
  readonly retryMs?: number | undefined;
}

/** What it takes. */
export type SubscriptionEvent =
  | { readonly type: "PAY" }
  | { readonly type: "CANCEL"; readonly reason?: string }
  | { readonly type: "KEEP" };

/** So often is a period charged in vain; then the subscription ends. */
const TRIES = 3;

interface SubscriptionContext {
  readonly customer: string;
  readonly plan: string;
  readonly trialMs: number;
  readonly periodMs: number;
  readonly retryMs: number;
  /** Periods that were paid for. */
  readonly paid: number;
  /** Charges of this period that have failed. */
  readonly failures: number;
}

/** What is charged, once per period: the key says which. */
export interface Charge {
  readonly customer: string;
  readonly plan: string;
  readonly key: string;
}

/** The chart. */
export const subscriptionMachine = setup({
  types: {} as {
    context: SubscriptionContext;
    events: SubscriptionEvent;
    input: SubscriptionInput;
    output: { paid: number; end: "cancelled" | "unpaid" };
    tags: "served" | "ending";
  },
  actors: {
    // The outside world, as far as the sample has one: put your own in with `provide`.
    charge: fromPromise<string, Charge>(({ input }) => Promise.resolve(`charged:${input.key}`)),
  },
  guards: {
    isLastTry: ({ context }) => context.failures >= TRIES,
    isEnding: stateIn({ active: "ending" }),
  },
  delays: {
    trial: ({ context }) => context.trialMs,
    period: ({ context }) => context.periodMs,
    retry: ({ context }) => context.retryMs,
  },
  actions: {
    notePaid: assign({ paid: ({ context }) => context.paid + 1, failures: 0 }),
    noteFailure: assign({ failures: ({ context }) => context.failures + 1 }),
  },
}).createMachine({
  id: "subscription",
  context: ({ input }) => ({
    customer: input.customer,
    plan: input.plan,
    trialMs: input.trialMs ?? 14 * DAY_MS,
    periodMs: input.periodMs ?? 30 * DAY_MS,
    retryMs: input.retryMs ?? 3 * DAY_MS,
    paid: 0,
    failures: 0,
  }),
  initial: "trial",
  states: {
    trial: { tags: "served", after: { trial: "charging" }, on: { CANCEL: "cancelled" } },
    charging: {
      tags: "served",
      invoke: {
        src: "charge",
        id: "charge",
        input: ({ context, self }) => ({
          customer: context.customer,
          plan: context.plan,
          key: `${self.id}:${context.paid + 1}`,
        }),
        onDone: { target: "active", actions: "notePaid" },
        onError: { target: "owing", actions: "noteFailure" },
      },
      on: { CANCEL: "cancelled" },
    },
    active: {
      tags: "served",
      initial: "renewing",
      // One timer for the period, whatever is decided about its end meanwhile.
      after: {
        period: [{ guard: "isEnding", target: "cancelled" }, { target: "charging" }],
      },
      states: {
        renewing: { on: { CANCEL: "ending" } },
        ending: { tags: "ending", on: { KEEP: "renewing" } },
      },
    },
    owing: {
      always: { guard: "isLastTry", target: "unpaid" },
      after: { retry: "charging" },
      on: { PAY: "charging", CANCEL: "cancelled" },
    },
    cancelled: { type: "final" },
    unpaid: { type: "final" },
  },
  output: ({ context }) => ({
    paid: context.paid,
    end: context.failures >= TRIES ? "unpaid" : "cancelled",
  }),
});
