/**
 * A job for each item of a stream, a window of them at a time, and one answer at the end.
 *
 * The actor knows its jobs by their number alone. How they end is told to it by the statements that end
 * them, once per statement; so a few counters are all that it is, however many items there are.
 */
import { assign, type PromiseActorLogic, sendParent, setup } from "xstate";

/** Jobs of the stream that have given up, as far as they are told one by one. */
export interface MemberFailure {
  readonly jobId: string;
  readonly label: string | null;
  readonly message: string;
}

/** How it goes about it. */
export interface ForEachSettings {
  /** Jobs under way at once. */
  readonly window: number;
  /** So many successes are enough; null: all have to end. */
  readonly enough: number | null;
  /** The first failure is the end. */
  readonly stops: boolean;
  /** Failures are events (`CHILD_FAILED`) for the parent. */
  readonly tells: boolean;
  /** It takes items (`ADD`) until it is told that there are no more (`CLOSE`). */
  readonly holds: boolean;
}

/** What it takes; `STOP` ends it now, with what there is. `perdura.ended` comes from the database alone. */
export type ForEachEvent<Item = unknown> =
  | {
    readonly type: "perdura.ended";
    readonly done?: number;
    readonly failed?: number;
    readonly stopped?: number;
    readonly failures?: readonly MemberFailure[] | null;
  }
  | { readonly type: "ADD"; readonly items: readonly Item[] }
  | { readonly type: "CLOSE" }
  | { readonly type: "STOP" };

/** What has become of the items. */
export interface ForEachOutput {
  /** Items that came. */
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Items that no job could be made of. */
  readonly refused: number;
  /** Jobs that were still under way, and are cancelled. */
  readonly left: number;
  /** Its condition was met: as many successes as are enough, or all have ended. */
  readonly isReached: boolean;
}

/** A place in a stream. */
export type Cursor = string | number;

/** Items to make jobs of. */
export interface Opening<Of, Item> {
  readonly of: Of;
  /** Where the stream is; null: at its beginning. */
  readonly cursor: Cursor | null;
  readonly limit: number;
  /** Items that were added, before those of the stream. */
  readonly added: readonly Item[];
  /** The stream has ended: only those that were added. */
  readonly isEnd: boolean;
}

/** What has been made. */
export interface Opened {
  readonly opened: number;
  readonly refused: number;
  readonly cursor: Cursor | null;
  readonly isEnd: boolean;
}

interface Counters {
  readonly opened: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly refused: number;
}

export interface ForEachContext<Of, Item> extends ForEachSettings, Counters {
  /** For those who make the items. */
  readonly of: Of;
  readonly cursor: Cursor | null;
  readonly isEnd: boolean;
  readonly isHeld: boolean;
  readonly added: readonly Item[];
  /** Of `added`, those that are being opened. */
  readonly taken: number;
}

/** Items that may wait to be opened, beside the stream. */
const ADDED_MAX = 1_000;
/** Jobs of one transaction. */
const OPEN_MAX = 1_000;

/** The source that opens jobs; its name tells an actor with members. */
export const OPEN = "perdura.open";

function underWay(
  { opened, succeeded, failed, cancelled }: Counters,
): number {
  return opened - succeeded - failed - cancelled;
}

/** So many jobs at once: half a window, so that the other half goes on meanwhile. */
function chunkOf({ window }: ForEachSettings): number {
  return Math.min(OPEN_MAX, Math.ceil(window / 2));
}

/** What the chart is made of. */
function parts<Of, Item>(
  open: PromiseActorLogic<Opened, Opening<Of, Item>>,
) {
  return setup({
    types: {} as {
      context: ForEachContext<Of, Item>;
      events: ForEachEvent<Item>;
      input: Of;
      output: ForEachOutput;
      tags: "opening";
    },
    actors: { [OPEN]: open },
    guards: {
      isEnough: ({ context: { enough, succeeded } }) => enough !== null && succeeded >= enough,
      isSpoilt: ({ context: { stops, failed, refused } }) => stops && failed + refused > 0,
      isOver: ({ context }) =>
        context.isEnd && !context.isHeld && context.added.length === 0 && underWay(context) === 0,
      mayOpen: ({ context }) =>
        (!context.isEnd || context.added.length > 0) &&
        context.window - underWay(context) >= chunkOf(context),
      tells: ({ context, event }) =>
        context.tells && event.type === "perdura.ended" && (event.failed ?? 0) > 0,
      isTakable: ({ context, event }) =>
        event.type === "ADD" && context.isHeld &&
        context.added.length + event.items.length <= ADDED_MAX,
    },
    actions: {
      noteEnded: assign(({ context, event }) => {
        if (event.type !== "perdura.ended") return {};
        return {
          succeeded: context.succeeded + (event.done ?? 0),
          failed: context.failed + (event.failed ?? 0),
          cancelled: context.cancelled + (event.stopped ?? 0),
        };
      }),
      noteAdded: assign(({ context, event }) =>
        event.type === "ADD" ? { added: [...context.added, ...event.items] } : {}
      ),
      noteClosed: assign({ isHeld: false }),
      tellFailures: sendParent(({ event }) =>
        event.type === "perdura.ended"
          ? { type: "CHILD_FAILED", failed: event.failed ?? 0, failures: event.failures ?? [] }
          : { type: "CHILD_FAILED", failed: 0, failures: [] }
      ),
    },
  });
}

/**
 * The chart.
 *
 * @param settingsOf How it goes about its input.
 * @param open Makes jobs of the next items, and says where the stream is then.
 */
export function forEachMachine<Of, Item>(
  settingsOf: (of: Of) => ForEachSettings,
  open: PromiseActorLogic<Opened, Opening<Of, Item>>,
) {
  return parts<Of, Item>(open).createMachine({
    id: "perdura.forEach",
    context: ({ input }) => beginning<Of, Item>(input, settingsOf(input)),
    initial: "deciding",
    on: {
      "perdura.ended": [
        { guard: "tells", target: ".deciding", actions: ["noteEnded", "tellFailures"] },
        { target: ".deciding", actions: "noteEnded" },
      ],
      ADD: { guard: "isTakable", target: ".deciding", actions: "noteAdded" },
      CLOSE: { target: ".deciding", actions: "noteClosed" },
      STOP: ".done",
    },
    states: {
      deciding: {
        always: [
          { guard: "isEnough", target: "done" },
          { guard: "isSpoilt", target: "done" },
          { guard: "isOver", target: "done" },
          { guard: "mayOpen", target: "opening" },
          { target: "waiting" },
        ],
      },
      opening: {
        tags: "opening",
        entry: assign({ taken: ({ context }) => Math.min(context.added.length, chunkOf(context)) }),
        invoke: {
          src: OPEN,
          id: "open",
          input: ({ context }) => ({
            of: context.of,
            cursor: context.cursor,
            limit: chunkOf(context),
            added: context.added.slice(0, chunkOf(context)),
            isEnd: context.isEnd,
          }),
          onDone: {
            target: "deciding",
            actions: assign(({ context, event: { output } }) => ({
              opened: context.opened + output.opened,
              refused: context.refused + output.refused,
              cursor: output.cursor,
              isEnd: output.isEnd,
              added: context.added.slice(context.taken),
              taken: 0,
            })),
          },
        },
        // What happens meanwhile is noted; what follows of it is decided when the jobs are there.
        on: {
          "perdura.ended": [
            { guard: "tells", actions: ["noteEnded", "tellFailures"] },
            { actions: "noteEnded" },
          ],
          ADD: { guard: "isTakable", actions: "noteAdded" },
          CLOSE: { actions: "noteClosed" },
        },
      },
      waiting: {},
      done: { type: "final" },
    },
    output: ({ context }) => resultOf(context),
  });
}

function beginning<Of, Item>(
  of: Of,
  settings: ForEachSettings,
): ForEachContext<Of, Item> {
  return {
    ...settings,
    of,
    cursor: null,
    isEnd: false,
    isHeld: settings.holds,
    added: [],
    taken: 0,
    opened: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    refused: 0,
  };
}

function resultOf(
  { isEnd, enough, opened, succeeded, failed, cancelled, refused }: Result,
): ForEachOutput {
  const left = opened - succeeded - failed - cancelled;
  return {
    total: opened + refused,
    succeeded,
    failed,
    cancelled,
    refused,
    left,
    isReached: enough === null ? left === 0 && isEnd : succeeded >= enough,
  };
}

type Result = Counters & Pick<ForEachSettings, "enough"> & { readonly isEnd: boolean };
