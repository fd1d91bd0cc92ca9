/**
 * A circuit breaker: lets the jobs of a type, or of a limit key, start only while they have a chance.
 *
 * It holds no clock: instants come with the events, in milliseconds of the database's clock, and the claim
 * compares `openUntil` with it. Source: M. Nygard, Release It! (2007), chapter 5.
 */
import { assign, setup } from "xstate";

/** Every state. */
export const BREAKER_STATES = ["closed", "open", "half_open"] as const;

/** One of the states of a breaker. */
export type BreakerState = (typeof BREAKER_STATES)[number];

/** What a breaker goes by. Durations in milliseconds. */
export interface BreakerSettings {
  /** So many failures … */
  readonly failures: number;
  /** … within this time open it. */
  readonly windowMs: number;
  /** How long it stays open before probes may start. */
  readonly openMs: number;
  /** Half-open: so many jobs at once, and so many successes close it. */
  readonly probes: number;
}

/** What the guards read. */
export interface BreakerContext {
  readonly settings: BreakerSettings;
  /** Instants of the failures that count, ascending; never more than it takes to open. */
  readonly failedAt: readonly number[];
  /** Probes that have succeeded. */
  readonly successes: number;
  /** When probes may start; null: an operator has opened it, and says when. */
  readonly openUntil: number | null;
  /** Only what started since counts; null: everything. */
  readonly probesSince: number | null;
}

/** What a breaker is told. Instants: milliseconds since 1970 by the database's clock. */
export type BreakerEvent =
  | { readonly type: "FAILURE"; readonly at: number; readonly startedAt: number }
  | { readonly type: "SUCCESS"; readonly startedAt: number }
  /** The time it was to stay open is over. */
  | { readonly type: "COOLED"; readonly at: number }
  /** By hand: nothing starts until somebody closes or resets it. */
  | { readonly type: "OPEN"; readonly at: number }
  /** By hand: everything may start. */
  | { readonly type: "CLOSE"; readonly at: number }
  /** By hand: probes may start. */
  | { readonly type: "RESET"; readonly at: number };

const machine = setup({
  types: {
    context: {} as BreakerContext,
    events: {} as BreakerEvent,
    input: {} as BreakerSettings,
  },
  guards: {
    isOneTooMany: ({ context, event }) =>
      event.type === "FAILURE" &&
      failuresWith(context, event.at).length >= context.settings.failures,
    isProbe: ({ context, event }) => isProbe(context, event),
    isLastProbe: ({ context, event }) =>
      isProbe(context, event) && context.successes + 1 >= context.settings.probes,
    isCooled: ({ context, event }) =>
      event.type === "COOLED" && context.openUntil !== null && event.at >= context.openUntil,
  },
  actions: {
    countFailure: assign({
      failedAt: ({ context, event }) =>
        event.type === "FAILURE" ? failuresWith(context, event.at) : context.failedAt,
    }),
    countSuccess: assign({ successes: ({ context }) => context.successes + 1 }),
    forget: assign({ failedAt: [], successes: 0, openUntil: null, probesSince: null }),
    probe: assign({
      successes: 0,
      openUntil: null,
      probesSince: ({ event }) => "at" in event ? event.at : null,
    }),
    stayOpen: assign({
      successes: 0,
      openUntil: ({ context, event }) =>
        event.type === "FAILURE" ? event.at + context.settings.openMs : null,
    }),
  },
});

/** A breaker as an XState v5 machine. */
export const breakerMachine = machine.createMachine({
  id: "breaker",
  // It lasts as long as what it guards.
  meta: { endless: true },
  description:
    "Stops the start of jobs that fail one after the other, and finds out when they do not.",
  context: ({ input }) => ({
    settings: input,
    failedAt: [],
    successes: 0,
    openUntil: null,
    probesSince: null,
  }),
  initial: "closed",
  on: { OPEN: { target: ".open", actions: ["forget", "stayOpen"] } },
  states: {
    closed: {
      description: "Everything may start; failures are counted.",
      on: {
        FAILURE: [
          { guard: "isOneTooMany", target: "open", actions: ["countFailure", "stayOpen"] },
          { actions: "countFailure" },
        ],
        RESET: { actions: "forget" },
      },
    },
    open: {
      description: "Nothing starts. Jobs wait, and spend no attempt.",
      on: {
        COOLED: { guard: "isCooled", target: "half_open", actions: "probe" },
        CLOSE: { target: "closed", actions: "forget" },
        RESET: { target: "half_open", actions: ["forget", "probe"] },
      },
    },
    half_open: {
      description: "A few jobs start, to see.",
      on: {
        FAILURE: { guard: "isProbe", target: "open", actions: "stayOpen" },
        SUCCESS: [
          { guard: "isLastProbe", target: "closed", actions: "forget" },
          { guard: "isProbe", actions: "countSuccess" },
        ],
        CLOSE: { target: "closed", actions: "forget" },
        RESET: { actions: ["forget", "probe"] },
      },
    },
  },
});

/** It began while the breaker was half-open: what ran before tells of what was before. */
function isProbe({ probesSince }: BreakerContext, event: BreakerEvent): boolean {
  return "startedAt" in event && (probesSince === null || event.startedAt >= probesSince);
}

/** The failures that count at an instant, and this one: the newest, as many as it takes to open. */
function failuresWith({ settings, failedAt }: BreakerContext, at: number): number[] {
  const counting = failedAt.filter((failure) => failure > at - settings.windowMs);
  return [...counting, at].slice(-settings.failures);
}
