/**
 * A campaign: thousands of jobs, a window of them at a time, and one answer at the end.
 *
 * The actor takes a few turns per window, none per job: what the jobs of a window have come to is
 * counted where they are, and its own row is not touched by them.
 */
import { assign, fromPromise, setup } from "xstate";

/** What a campaign is started with. */
export interface CampaignInput {
  readonly subject: string;
  readonly recipients: readonly string[];
  /** Jobs under way at once. Default 500. */
  readonly window?: number | undefined;
  /** Between two counts, milliseconds. Default: a second. */
  readonly lookMs?: number | undefined;
}

/** What it takes. */
export type CampaignEvent = { readonly type: "CANCEL"; readonly reason?: string };

/** A window to start. */
export interface Window {
  readonly subject: string;
  readonly recipients: readonly string[];
}

/** What has become of the jobs of a window. */
export interface Tally {
  readonly waiting: number;
  readonly sent: number;
  readonly failed: number;
}

interface CampaignContext {
  readonly subject: string;
  readonly recipients: readonly string[];
  readonly window: number;
  readonly lookMs: number;
  /** Recipients whose jobs have been started. */
  readonly started: number;
  /** Jobs of this window. */
  readonly jobs: readonly string[];
  readonly waiting: number;
  readonly sent: number;
  readonly failed: number;
}

function unprovided<Output, Input>(name: string) {
  return fromPromise<Output, Input>(() => Promise.reject(new Error(`Provide "${name}"`)));
}

/** The chart. */
export const campaignMachine = setup({
  types: {} as {
    context: CampaignContext;
    events: CampaignEvent;
    input: CampaignInput;
    output: { sent: number; failed: number; left: number };
  },
  actors: {
    /** Starts the jobs of a window, all or none; gives their ids. */
    open: unprovided<readonly string[], Window>("open"),
    /** Counts the jobs of a window. */
    count: unprovided<Tally, { readonly jobs: readonly string[] }>("count"),
  },
  guards: {
    isAllStarted: ({ context }) => context.started >= context.recipients.length,
    isWindowOver: ({ context }) => context.waiting === 0,
  },
  delays: { look: ({ context }) => context.lookMs },
}).createMachine({
  id: "campaign",
  context: ({ input }) => ({
    subject: input.subject,
    recipients: input.recipients,
    window: input.window ?? 500,
    lookMs: input.lookMs ?? 1_000,
    started: 0,
    jobs: [],
    waiting: 0,
    sent: 0,
    failed: 0,
  }),
  initial: "next",
  on: { CANCEL: ".cancelled" },
  states: {
    next: { always: [{ guard: "isAllStarted", target: "finished" }, { target: "opening" }] },
    opening: {
      invoke: {
        src: "open",
        id: "open",
        input: ({ context: { subject, recipients, started, window } }) => ({
          subject,
          recipients: recipients.slice(started, started + window),
        }),
        onDone: {
          target: "running",
          actions: assign({
            jobs: ({ event }) => event.output,
            started: ({ context, event }) => context.started + event.output.length,
            waiting: ({ event }) => event.output.length,
          }),
        },
      },
    },
    running: { after: { look: "counting" } },
    counting: {
      invoke: {
        src: "count",
        id: "count",
        input: ({ context }) => ({ jobs: context.jobs }),
        onDone: {
          target: "counted",
          actions: assign({
            waiting: ({ event }) => event.output.waiting,
            sent: ({ context, event: { output } }) =>
              context.sent + (output.waiting === 0 ? output.sent : 0),
            failed: ({ context, event: { output } }) =>
              context.failed + (output.waiting === 0 ? output.failed : 0),
          }),
        },
      },
    },
    counted: { always: [{ guard: "isWindowOver", target: "next" }, { target: "running" }] },
    finished: { type: "final" },
    cancelled: { type: "final" },
  },
  output: ({ context }) => ({
    sent: context.sent,
    failed: context.failed,
    left: context.recipients.length - context.started,
  }),
});
