/**
 * The life of a batch: it counts how its jobs end, and when all have, any or enough of them have
 * succeeded, it starts the job that was to follow, in the commit of that very step.
 *
 * Its jobs are stored in the transaction that begins it. How they end is told to it by the statements
 * that end them, once per statement, as of a `forEach`.
 */
import { assign, fromPromise, setup } from "xstate";
import { OPEN } from "./for_each.ts";

/** What a batch is begun with. */
export interface BatchInput {
  readonly total: number;
  /** So many successes are enough; null: all have to end. */
  readonly enough: number | null;
  /** The first failure is the end. */
  readonly stops: boolean;
  /** The job that follows, as it will be stored. */
  readonly follower: object | null;
  /** Of the request: the same again is this batch. */
  readonly digest: string;
}

/** What it takes. `perdura.ended` comes from the database alone. */
export type BatchEvent =
  | {
    readonly type: "perdura.ended";
    readonly done?: number;
    readonly failed?: number;
    readonly stopped?: number;
  }
  | { readonly type: "CANCEL" };

/** How its jobs have ended. */
export interface BatchTally {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Still under way; cancelled, once the batch is over. */
  readonly left: number;
  /** Its condition was met: as many successes as are enough, or all have ended. */
  readonly isReached: boolean;
}

interface BatchContext extends BatchInput {
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** What a batch has come to. */
export function tallyOf(
  { total, enough, succeeded, failed, cancelled }: Omit<
    BatchContext,
    "stops" | "follower" | "digest"
  >,
): BatchTally {
  const left = total - succeeded - failed - cancelled;
  const isReached = enough === null ? left === 0 : succeeded >= enough;
  return { total, succeeded, failed, cancelled, left, isReached };
}

/** The chart. */
export const batchMachine = setup({
  types: {} as {
    context: BatchContext;
    events: BatchEvent;
    input: BatchInput;
    output: BatchTally;
  },
  actors: {
    /** Never invoked: it marks an actor that has members, which end with it. */
    [OPEN]: fromPromise(() => Promise.reject(new Error("A batch opens nothing"))),
  },
  actions: {
    noteEnded: assign(({ context, event }) =>
      event.type === "perdura.ended"
        ? {
          succeeded: context.succeeded + (event.done ?? 0),
          failed: context.failed + (event.failed ?? 0),
          cancelled: context.cancelled + (event.stopped ?? 0),
        }
        : {}
    ),
    /** Stores the job that follows, in the commit of the step. */
    startFollower: (
      _,
      _params: { readonly follower: object | null; readonly tally: BatchTally },
    ) => {},
  },
  guards: {
    isEnough: ({ context: { enough, succeeded } }) => enough !== null && succeeded >= enough,
    isSpoilt: ({ context: { stops, failed } }) => stops && failed > 0,
    isOver: ({ context }) => tallyOf(context).left <= 0,
    isFollowed: ({ context }) => context.follower !== null,
  },
}).createMachine({
  id: "perdura.batch",
  description: "Jobs that were sent together, and what follows when they are done.",
  context: ({ input }) => ({ ...input, succeeded: 0, failed: 0, cancelled: 0 }),
  initial: "running",
  states: {
    running: {
      always: [
        { guard: "isEnough", target: "over" },
        { guard: "isSpoilt", target: "over" },
        { guard: "isOver", target: "over" },
      ],
      on: { "perdura.ended": { actions: "noteEnded" }, CANCEL: "cancelled" },
    },
    over: { always: [{ guard: "isFollowed", target: "followed" }, { target: "done" }] },
    followed: {
      type: "final",
      entry: {
        type: "startFollower",
        params: ({ context }) => ({ follower: context.follower, tally: tallyOf(context) }),
      },
    },
    done: { type: "final" },
    cancelled: { type: "final" },
  },
  output: ({ context }) => tallyOf(context),
});
