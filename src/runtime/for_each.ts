/**
 * `forEach`: a job for each item of a stream, as a child of a statechart.
 *
 * It is a machine like any other, so it is invoked, stopped, cancelled and looked at like any other. Its
 * parent gets one event, whatever the number of items; the jobs are ordinary jobs of registered types.
 */
import { fromPromise } from "xstate";
import {
  type Cursor,
  forEachMachine,
  type ForEachSettings,
  type Opening,
} from "../../machines/for_each.ts";
import { PermanentError } from "../core/errors.ts";
import { activityContext } from "./activities.ts";
import type { HandlerContext } from "./context.ts";
import { type MemberJob, membersOf } from "./members.ts";

/** A piece of the stream. */
export interface Page<Item> {
  /** As many as were asked for at most; none, and a cursor: look again from there. */
  readonly items: readonly Item[];
  /** Where the next piece begins, 4,096 characters at most; null or left out: there is none. */
  readonly cursor?: Cursor | null | undefined;
}

/** What piece is wanted. */
export interface PageRequest<Of> {
  /** The input of the `forEach`. */
  readonly of: Of;
  /** As the last piece gave it; null: from the beginning. */
  readonly cursor: Cursor | null;
  readonly limit: number;
  /** Of the job that asks: its tenant, signal, and files. */
  readonly context: HandlerContext;
}

/** How a `forEach` goes about it; what is left out has its default. */
export interface ForEachPolicy {
  /** Jobs under way at once, 1 to 100,000. Default 500. */
  readonly window?: number;
  /** When it is done: when all have ended (default), one has succeeded, or so many have. The rest is cancelled. */
  readonly until?: "all" | "any" | number;
  /** What the first job that gives up does: it is counted (default), or it is the end of all. */
  readonly onFailure?: "count" | "stop";
  /** Whether failures are events `CHILD_FAILED { failed, failures }` for the parent. Default false. */
  readonly tells?: boolean;
  /** Whether it takes `ADD { items }` (1,000 that wait at most) until `CLOSE`. Default false. */
  readonly holds?: boolean;
}

/** What `forEach` takes. */
export interface ForEachOptions<Of, Item> {
  /** Reads the stream: may run again after a crash, so the same cursor gives the same items. */
  readonly next: (request: PageRequest<Of>) => Page<Item> | Promise<Page<Item>>;
  /** The job of an item. What it throws, or a payload that its handler refuses, is a refused item. */
  readonly job: (item: Item, of: Of) => MemberJob;
  /** Or what it makes of the input. */
  readonly policy?: ForEachPolicy | ((of: Of) => ForEachPolicy);
}

const WINDOW = 500;
const WINDOW_MAX = 100_000;
const CURSOR_LENGTH_MAX = 4_096;

/** A machine to invoke with an input `Of`: its output says what has become of the items. */
export function forEach<Of, Item>({ next, job, policy = {} }: ForEachOptions<Of, Item>) {
  const policyOf = typeof policy === "function" ? policy : () => policy;
  const open = fromPromise(
    async ({ input, self }: { input: Opening<Of, Item>; self: Self }) => {
      const { of, cursor, added, limit, isEnd } = input;
      const context = activityContext(self);
      const room = limit - added.length;
      const isLast = isEnd || room <= 0;
      const page: Page<Item> = isLast
        ? { items: [], cursor }
        : checked(await next({ of, cursor, limit: room, context }), room);
      const makers = [...added, ...page.items].map((item) => () => job(item, of));
      const end = { cursor: page.cursor ?? null, isEnd: isLast ? isEnd : isOver(page) };
      return await membersOf(context)(makers, (counts) => ({ ...counts, ...end }));
    },
  );
  return forEachMachine<Of, Item>((of) => settingsOf(policyOf(of)), open);
}

type Self = Parameters<typeof activityContext>[0];

/** A piece of a list, by its place in it. */
export function pageOf<Item>(
  list: readonly Item[],
  { cursor, limit }: Pick<PageRequest<unknown>, "cursor" | "limit">,
): Page<Item> {
  const from = typeof cursor === "number" ? cursor : 0;
  const items = list.slice(from, from + limit);
  const end = from + items.length;
  return end < list.length ? { items, cursor: end } : { items };
}

function isOver({ cursor }: Page<unknown>): boolean {
  return cursor === undefined || cursor === null;
}

function checked<Item>(page: Page<Item>, limit: number): Page<Item> {
  if (page.items.length > limit) {
    throw new PermanentError(`${limit} items were asked for, and ${page.items.length} came`);
  }
  const { length } = String(page.cursor ?? "");
  if (length > CURSOR_LENGTH_MAX) throw new PermanentError(`A cursor of ${length} characters`);
  return page;
}

/** @throws {RangeError} */
function settingsOf(policy: ForEachPolicy): ForEachSettings {
  const { window = WINDOW, until = "all", onFailure = "count", tells, holds } = policy;
  if (!Number.isInteger(window) || window < 1 || window > WINDOW_MAX) {
    throw new RangeError(`window must be 1 to ${WINDOW_MAX}`);
  }
  if (typeof until === "number" && (!Number.isInteger(until) || until < 1)) {
    throw new RangeError("until must be all, any, or a number from 1");
  }
  return {
    window,
    enough: until === "all" ? null : until === "any" ? 1 : until,
    stops: onFailure === "stop",
    tells: tells ?? false,
    holds: holds ?? false,
  };
}
