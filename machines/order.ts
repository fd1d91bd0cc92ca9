/**
 * An order on its way: reserved, charged, picked and packed, shipped; or undone, step by step.
 *
 * Nested and parallel states, history, timers, and a saga: what has been done is undone in the reverse
 * order, each step a job with its own retries.
 */
import { assign, fromPromise, setup } from "xstate";

const HOUR_MS = 60 * 60 * 1000;

/** What an order is started with. */
export interface OrderInput {
  /** In the smallest coin. */
  readonly total: number;
  readonly items: readonly string[];
  /** Until the customer is told that it takes long, milliseconds. Default: two days. */
  readonly remindMs?: number | undefined;
  /** Until an order that nobody packs is undone, milliseconds. Default: a week. */
  readonly packMs?: number | undefined;
}

/** What it takes. */
export type OrderEvent =
  | { readonly type: "PICKED" }
  | { readonly type: "PACKED" }
  | { readonly type: "HOLD" }
  | { readonly type: "RELEASE" }
  | { readonly type: "CANCEL"; readonly reason?: string };

interface OrderContext {
  readonly total: number;
  readonly items: readonly string[];
  readonly remindMs: number;
  readonly packMs: number;
  readonly reservation: string | null;
  readonly charge: string | null;
  readonly tracking: string | null;
  readonly failure: string | null;
}

/** The outside world, as far as the sample has one: put your own in with `provide`. */
function answering(what: string) {
  return fromPromise<string, { order: string }>(({ input }) =>
    Promise.resolve(`${what}:${input.order}`)
  );
}

const inputOf = ({ self }: { self: { id: string } }) => ({ order: self.id });

/** The chart. */
export const orderMachine = setup({
  types: {} as {
    context: OrderContext;
    events: OrderEvent;
    input: OrderInput;
    output: { tracking: string | null; failure: string | null };
    tags: "busy" | "waiting";
  },
  actors: {
    reserve: answering("reservation"),
    charge: answering("charge"),
    ship: answering("parcel"),
    refund: answering("refund"),
    giveBack: answering("given back"),
  },
  guards: {
    isCharged: ({ context }) => context.charge !== null,
    isReserved: ({ context }) => context.reservation !== null,
  },
  delays: {
    remind: ({ context }) => context.remindMs,
    packBy: ({ context }) => context.packMs,
  },
  actions: {
    noteFailure: assign({ failure: (_, failure: string) => failure }),
  },
}).createMachine({
  id: "order",
  context: ({ input }) => ({
    total: input.total,
    items: input.items,
    remindMs: input.remindMs ?? 48 * HOUR_MS,
    packMs: input.packMs ?? 168 * HOUR_MS,
    reservation: null,
    charge: null,
    tracking: null,
    failure: null,
  }),
  initial: "open",
  states: {
    open: {
      type: "parallel",
      states: {
        work: {
          initial: "reserving",
          states: {
            reserving: {
              tags: "busy",
              invoke: {
                src: "reserve",
                id: "reserve",
                input: inputOf,
                onDone: {
                  target: "charging",
                  actions: assign({ reservation: ({ event }) => event.output }),
                },
                onError: {
                  target: "#order.undoing",
                  actions: { type: "noteFailure", params: "Nothing left" },
                },
              },
            },
            charging: {
              tags: "busy",
              invoke: {
                src: "charge",
                id: "charge",
                input: inputOf,
                onDone: {
                  target: "packing",
                  actions: assign({ charge: ({ event }) => event.output }),
                },
                onError: {
                  target: "#order.undoing",
                  actions: { type: "noteFailure", params: "Not paid" },
                },
              },
            },
            packing: {
              initial: "picking",
              states: {
                picking: { tags: "waiting", on: { PICKED: "wrapping" } },
                wrapping: { tags: "waiting", on: { PACKED: "#order.open.work.shipping" } },
                asBefore: { type: "history" },
              },
              on: { HOLD: "held" },
              after: {
                packBy: {
                  target: "#order.undoing",
                  actions: { type: "noteFailure", params: "Not packed in time" },
                },
              },
            },
            held: { on: { RELEASE: "packing.asBefore" } },
            shipping: {
              tags: "busy",
              invoke: {
                src: "ship",
                id: "ship",
                input: inputOf,
                onDone: {
                  target: "#order.shipped",
                  actions: assign({ tracking: ({ event }) => event.output }),
                },
                onError: {
                  target: "#order.undoing",
                  actions: { type: "noteFailure", params: "Not shipped" },
                },
              },
            },
          },
        },
        contact: {
          initial: "quiet",
          states: { quiet: { after: { remind: "reminded" } }, reminded: {} },
        },
      },
      on: {
        CANCEL: {
          target: "undoing",
          actions: { type: "noteFailure", params: "Cancelled" },
        },
      },
    },
    undoing: {
      initial: "refunding",
      states: {
        refunding: {
          initial: "asking",
          states: {
            asking: { always: [{ guard: "isCharged", target: "paying" }, { target: "over" }] },
            paying: { invoke: { src: "refund", id: "refund", input: inputOf, onDone: "over" } },
            over: { type: "final" },
          },
          onDone: "giving",
        },
        giving: {
          initial: "asking",
          states: {
            asking: { always: [{ guard: "isReserved", target: "returning" }, { target: "over" }] },
            returning: {
              invoke: { src: "giveBack", id: "giveBack", input: inputOf, onDone: "over" },
            },
            over: { type: "final" },
          },
          onDone: "#order.undone",
        },
      },
    },
    shipped: { type: "final" },
    undone: { type: "final" },
  },
  output: ({ context }) => ({ tracking: context.tracking, failure: context.failure }),
});
