/**
 * A credit for many customers that appears all at once: chunks are prepared by jobs where nobody looks,
 * then one commit says that the grant counts.
 */
import { assign, fromPromise, setup } from "xstate";
import { forEachMachine, type ForEachOutput } from "./for_each.ts";

/** What a grant is started with: the customers, or a file with one per line. */
export interface CreditsInput {
  /** For people. */
  readonly name: string;
  /** In the smallest coin, for each customer. */
  readonly amount: number;
  readonly customers?: readonly string[] | undefined;
  readonly fileId?: string | undefined;
  /** When its schedule meant it to start. */
  readonly scheduledFor?: string | undefined;
}

/** What it takes, as long as nothing counts. */
export type CreditsEvent = { readonly type: "CANCEL"; readonly reason?: string };

/** A grant that has an id. */
export interface Grant extends CreditsInput {
  readonly grantId: string;
}

/** A grant that is to count, once for whoever asked. */
export interface Publication extends Grant {
  readonly source: string;
}

/** What was granted. */
export interface Granted {
  readonly customers: number;
  readonly total: number;
}

/** What has come of it. */
export interface CreditsOutput {
  readonly granted: Granted | null;
  /** Why nothing was granted. */
  readonly failure: string | null;
}

interface CreditsContext {
  readonly input: CreditsInput;
  readonly grantId: string;
  readonly granted: Granted | null;
  readonly failure: string | null;
}

function unprovided<Output, Input>(name: string) {
  return fromPromise<Output, Input>(() => Promise.reject(new Error(`Provide "${name}"`)));
}

/** To be provided: the jobs of the chunks. */
const prepare = forEachMachine<Grant, readonly string[]>(
  () => ({ window: 20, enough: null, stops: true, tells: false, holds: false }),
  unprovided("prepare"),
);

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The chart. */
export const creditsMachine = setup({
  types: {} as {
    context: CreditsContext;
    events: CreditsEvent;
    input: CreditsInput;
    output: CreditsOutput;
    tags: "unseen";
  },
  actors: {
    /** Makes the tables; gives the grant its id. */
    begin: unprovided<string, null>("begin"),
    prepare,
    /** Makes it count, in one commit. */
    publish: unprovided<Granted, Publication>("publish"),
  },
  guards: {
    isWhole: (_, { failed, refused, cancelled }: ForEachOutput) =>
      failed + refused + cancelled === 0,
  },
}).createMachine({
  id: "credits.grant",
  context: ({ input }) => ({ input, grantId: "", granted: null, failure: null }),
  initial: "beginning",
  states: {
    beginning: {
      tags: "unseen",
      invoke: {
        src: "begin",
        id: "begin",
        input: null,
        onDone: { target: "preparing", actions: assign({ grantId: ({ event }) => event.output }) },
      },
      on: { CANCEL: "withdrawn" },
    },
    preparing: {
      tags: "unseen",
      invoke: {
        src: "prepare",
        id: "prepare",
        input: ({ context: { input, grantId } }) => ({ ...input, grantId }),
        onDone: [
          {
            guard: { type: "isWhole", params: ({ event }) => event.output },
            target: "publishing",
          },
          {
            target: "withdrawn",
            actions: assign({ failure: "A chunk could not be prepared" }),
          },
        ],
        onError: {
          target: "withdrawn",
          actions: assign({ failure: ({ event }) => textOf(event.error) }),
        },
      },
      on: { CANCEL: "withdrawn" },
    },
    publishing: {
      invoke: {
        src: "publish",
        id: "publish",
        input: ({ context: { input, grantId }, self }) => ({ ...input, grantId, source: self.id }),
        onDone: { target: "granted", actions: assign({ granted: ({ event }) => event.output }) },
        onError: {
          target: "withdrawn",
          actions: assign({ failure: ({ event }) => textOf(event.error) }),
        },
      },
    },
    granted: { type: "final" },
    withdrawn: { type: "final" },
  },
  output: ({ context: { granted, failure } }) => ({ granted, failure }),
});
