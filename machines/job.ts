/**
 * The life of a job: the only author of job states.
 *
 * Worker, sweeper, HTTP, CLI and schedules never write a state; they send an event, and what this
 * machine answers is committed. It holds no clock and starts nothing: whether a job is due and
 * whether a lease is over is judged by the database, and told to the machine as an event.
 *
 * Two kinds of actions: those in `contextUpdates` change the counters, those in `dueEffects` say
 * when the job is due next. `core/lifecycle.ts` walks the machine once into a table by their names.
 */
import { assign, setup } from "xstate";

/** Every state, in the order of its stored code (`core/codes.ts`). Append only. */
export const JOB_STATES = [
  "pending",
  "scheduled",
  "running",
  "retry",
  "succeeded",
  "dead_letter",
  "cancelled",
] as const;

/** One of the seven states of a job. */
export type JobState = (typeof JOB_STATES)[number];

/** Every event, in the order of its stored code (`core/codes.ts`). Append only. */
export const JOB_EVENTS = [
  "ENQUEUE",
  "SCHEDULE",
  "CLAIM",
  "SUCCEED",
  "FAIL",
  "LEASE_EXPIRED",
  "SNOOZE",
  "INTERRUPTED",
  "CANCEL",
  "REQUEUE",
  "RETRY_NOW",
] as const;

/** The type of an event in the history of a job. `ENQUEUE` is the creation itself. */
export type JobEventType = (typeof JOB_EVENTS)[number];

/** What the guards read. `attempt` counts executions from 1, `crashes` counts expired leases. */
export interface JobContext {
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly crashes: number;
  readonly maxCrashes: number;
  /** Somebody asked to cancel while a handler ran. */
  readonly cancelRequested: boolean;
}

/** When a job is due: after a delay, counted by the database, or at an instant (RFC 3339). */
export type When = { readonly delayMs: number } | { readonly runAt: string };

/** An input to the job machine. */
export type JobEvent =
  | { readonly type: "ENQUEUE" }
  | { readonly type: "SCHEDULE"; readonly when: When }
  | { readonly type: "CLAIM" }
  | { readonly type: "SUCCEED" }
  | { readonly type: "FAIL"; readonly retryable: boolean; readonly when: When }
  | { readonly type: "LEASE_EXPIRED" }
  | { readonly type: "SNOOZE"; readonly when: When }
  | { readonly type: "INTERRUPTED" }
  | { readonly type: "CANCEL" }
  | { readonly type: "REQUEUE" }
  | { readonly type: "RETRY_NOW" };

/** The guards, by name: pure questions about the context and the event. */
export const jobGuards = {
  cancelRequested: (context: JobContext, _event: JobEvent): boolean => context.cancelRequested,
  retryAllowed: (context: JobContext, event: JobEvent): boolean =>
    event.type === "FAIL" && event.retryable && context.attempt < context.maxAttempts,
  crashesLeft: (context: JobContext, _event: JobEvent): boolean =>
    context.crashes + 1 < context.maxCrashes,
};

/** The context changes, by action name. */
export const contextUpdates = {
  startAttempt: (context: JobContext): Partial<JobContext> => ({ attempt: context.attempt + 1 }),
  refundAttempt: (context: JobContext): Partial<JobContext> => ({ attempt: context.attempt - 1 }),
  countCrash: (context: JobContext): Partial<JobContext> => ({ crashes: context.crashes + 1 }),
  newEpoch: (_context: JobContext): Partial<JobContext> => ({
    attempt: 0,
    crashes: 0,
    cancelRequested: false,
  }),
};

/** The effects that say when the job is due; without one it keeps its place. */
export const dueEffects = ["dueNow", "dueLater"] as const;

/** Name of a due effect. */
export type DueEffect = (typeof dueEffects)[number];

const machineSetup = setup({
  types: {
    context: {} as JobContext,
    events: {} as JobEvent,
    input: {} as Pick<JobContext, "maxAttempts" | "maxCrashes">,
    tags: {} as "terminal" | "waiting",
  },
  guards: {
    cancelRequested: ({ context, event }) => jobGuards.cancelRequested(context, event),
    retryAllowed: ({ context, event }) => jobGuards.retryAllowed(context, event),
    crashesLeft: ({ context, event }) => jobGuards.crashesLeft(context, event),
  },
  actions: {
    startAttempt: assign(({ context }) => contextUpdates.startAttempt(context)),
    refundAttempt: assign(({ context }) => contextUpdates.refundAttempt(context)),
    countCrash: assign(({ context }) => contextUpdates.countCrash(context)),
    newEpoch: assign(({ context }) => contextUpdates.newEpoch(context)),
    dueNow: () => {},
    dueLater: () => {},
  },
});

/** The job lifecycle as an XState v5 machine. */
export const jobMachine = machineSetup.createMachine({
  id: "job",
  description: "The life of one job, from the request to a final state.",
  initial: "pending",
  context: ({ input }) => ({
    attempt: 0,
    maxAttempts: input.maxAttempts,
    crashes: 0,
    maxCrashes: input.maxCrashes,
    cancelRequested: false,
  }),
  states: {
    pending: {
      description: "Accepted and due: the next free worker takes it.",
      meta: { label: "Pending" },
      tags: "waiting",
      on: {
        CLAIM: { target: "running", actions: "startAttempt" },
        SCHEDULE: { target: "scheduled", actions: "dueLater" },
        CANCEL: "cancelled",
      },
    },
    scheduled: {
      description: "Waits for its time.",
      meta: { label: "Scheduled" },
      tags: "waiting",
      on: {
        CLAIM: { target: "running", actions: "startAttempt" },
        SCHEDULE: { target: "scheduled", reenter: true, actions: "dueLater" },
        RETRY_NOW: { target: "pending", actions: "dueNow" },
        CANCEL: "cancelled",
      },
    },
    running: {
      description: "A worker holds the lease and runs the handler.",
      meta: { label: "Running" },
      on: {
        SUCCEED: "succeeded",
        FAIL: [
          { guard: "cancelRequested", target: "cancelled" },
          { guard: "retryAllowed", target: "retry", actions: "dueLater" },
          { target: "dead_letter" },
        ],
        LEASE_EXPIRED: [
          {
            guard: "crashesLeft",
            target: "retry",
            actions: ["refundAttempt", "countCrash", "dueNow"],
          },
          { target: "dead_letter", actions: ["refundAttempt", "countCrash"] },
        ],
        SNOOZE: { target: "scheduled", actions: ["refundAttempt", "dueLater"] },
        INTERRUPTED: { target: "pending", actions: "refundAttempt" },
        CANCEL: "cancelled",
      },
    },
    retry: {
      description: "Failed; waits for its backoff.",
      meta: { label: "Retry" },
      tags: "waiting",
      on: {
        CLAIM: { target: "running", actions: "startAttempt" },
        SCHEDULE: { target: "scheduled", actions: "dueLater" },
        RETRY_NOW: { target: "pending", actions: "dueNow" },
        CANCEL: "cancelled",
      },
    },
    succeeded: {
      description: "Done; the output is stored.",
      meta: { label: "Succeeded" },
      tags: "terminal",
      type: "final",
    },
    // Not final for XState: a final state makes the snapshot `done`, and a restored actor deaf to
    // REQUEUE. They carry the tag instead.
    dead_letter: {
      description: "Gave up: attempts or crashes are used up, or the error is permanent.",
      meta: { label: "Dead letter" },
      tags: "terminal",
      on: { REQUEUE: { target: "pending", actions: ["newEpoch", "dueNow"] } },
    },
    cancelled: {
      description: "Stopped on request.",
      meta: { label: "Cancelled" },
      tags: "terminal",
      on: { REQUEUE: { target: "pending", actions: ["newEpoch", "dueNow"] } },
    },
  },
});
