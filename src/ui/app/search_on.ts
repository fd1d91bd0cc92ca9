/**
 * Searches on until a page is full. One answer of the server looks at a bounded number of rows, so that
 * none takes long; who looks for something rare is not to press a button for each of them.
 */
import { systemClock } from "../../core/clock.ts";
import type { Page } from "./api.ts";

/** Lines of a page. */
export const PAGE = 50;
/** So long a page is searched for by itself. */
const ON_MS = 4_000;

/** Asks for at most `limit` after a cursor. */
type Ask<Found> = (cursor: string | null, limit: number) => Promise<Found>;

/** One page; `show` hears of each part of it. */
export async function searchOn<Found extends Page<unknown>>(
  ask: Ask<Found>,
  cursor: string | null,
  show: (part: Found) => void,
): Promise<Found> {
  const begun = systemClock.monotonic();
  let found = await ask(cursor, PAGE);
  while (
    found.nextCursor !== null && found.items.length < PAGE &&
    systemClock.monotonic() - begun < ON_MS
  ) {
    show(found);
    const more = await ask(found.nextCursor, PAGE - found.items.length);
    found = { ...more, items: [...found.items, ...more.items] };
  }
  return found;
}
