/**
 * A mail campaign: a mail to each of many customers, some hundred under way at a time, and a report of
 * those that could not be reached.
 *
 * Each mail is a job of its own, with retries of its own; the campaign hears once of all of them.
 */
import { assign, fromPromise, sendTo, setup } from "xstate";
import { forEachMachine, type ForEachOutput } from "./for_each.ts";

/** What a campaign is started with: the recipients, or a file with one address per line. */
export interface EmailCampaignInput {
  readonly subject: string;
  readonly body?: string | undefined;
  readonly recipients?: readonly string[] | undefined;
  readonly fileId?: string | undefined;
  /** Mails under way at once. Default 500. */
  readonly window?: number | undefined;
  /** Tries per mail. Default: that of `email.send`. */
  readonly maxAttempts?: number | undefined;
  /** When its schedule meant it to start. */
  readonly scheduledFor?: string | undefined;
}

/** What it takes. */
export type EmailCampaignEvent = { readonly type: "CANCEL"; readonly reason?: string };

/** A mail that was not sent. */
export interface Unsent {
  readonly to: string | null;
  readonly message: string;
}

/** What has come of it. */
export interface EmailCampaignOutput {
  readonly recipients: number;
  readonly sent: number;
  readonly failed: number;
  /** Not sent, because it was cancelled. */
  readonly left: number;
  /** The first thousand of those that failed. */
  readonly errors: readonly Unsent[];
}

interface EmailCampaignContext {
  readonly input: EmailCampaignInput;
  readonly tally: ForEachOutput | null;
  /** Why the recipients could not be read. */
  readonly failure: string | null;
  readonly errors: readonly Unsent[];
}

/** To be provided: the mails, and the list of those that failed. */
const send = forEachMachine<EmailCampaignInput, string>(
  () => ({ window: 500, enough: null, stops: false, tells: false, holds: false }),
  fromPromise(() => Promise.reject(new Error('Provide "send"'))),
);
const report = fromPromise<readonly Unsent[], { readonly of: string }>(() =>
  Promise.reject(new Error('Provide "report"'))
);

/** The chart. */
export const emailCampaignMachine = setup({
  types: {} as {
    context: EmailCampaignContext;
    events: EmailCampaignEvent;
    input: EmailCampaignInput;
    output: EmailCampaignOutput;
    tags: "sending" | "ending";
  },
  actors: { send, report },
  guards: { isUnread: ({ context }) => context.failure !== null },
  actions: { stopSending: sendTo("send", { type: "STOP" }) },
}).createMachine({
  id: "email.campaign",
  context: ({ input }) => ({ input, tally: null, failure: null, errors: [] }),
  initial: "sending",
  states: {
    sending: {
      tags: "sending",
      invoke: {
        src: "send",
        id: "send",
        input: ({ context }) => context.input,
        onDone: {
          target: "reporting",
          actions: assign({ tally: ({ event }) => event.output }),
        },
        onError: {
          target: "reporting",
          actions: assign({
            failure: ({ event: { error } }) =>
              error instanceof Error ? error.message : String(error),
          }),
        },
      },
      initial: "going",
      states: {
        going: { on: { CANCEL: { target: "stopping", actions: "stopSending" } } },
        stopping: { tags: "ending" },
      },
    },
    reporting: {
      tags: "ending",
      invoke: {
        src: "report",
        id: "report",
        input: ({ self }) => ({ of: `${self.id}/send` }),
        onDone: {
          target: "reported",
          actions: assign({ errors: ({ event }) => event.output }),
        },
      },
    },
    reported: { always: [{ guard: "isUnread", target: "unread" }, { target: "finished" }] },
    finished: { type: "final" },
    unread: { type: "final" },
  },
  output: ({ context: { tally, errors, failure } }) => ({
    recipients: tally?.total ?? 0,
    sent: tally?.succeeded ?? 0,
    failed: (tally?.failed ?? 0) + (tally?.refused ?? 0),
    left: (tally?.left ?? 0) + (tally?.cancelled ?? 0),
    errors: failure === null ? errors : [{ to: null, message: failure }, ...errors],
  }),
});
