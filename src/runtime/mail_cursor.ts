/**
 * From where a process looks at due mail.
 *
 * What was read is gone from the mailboxes and stays in their index for as long as somebody holds a
 * snapshot of before: each look from the head walks over all of it. So a look begins where the last one
 * found the oldest mail. That is a hint of this process alone: mail may come to lie behind it. Whoever
 * offers old mail again says so (`rewind`); what else comes late (its transaction was long) a look from
 * the head finds, each time while that is cheap, else after so many times what it took the database.
 */
import type { Clock } from "../core/clock.ts";
import type { TurnClaim } from "../store/store.ts";

/** A look from the head pauses for so many times its own duration, and for so long at most. */
const HEAD_SHARE = 20;
const HEAD_PAUSE_MAX_MS = 5_000;
/** It is dear by what it takes beyond a usual look and this. */
const LOOK_MS = 2;
/** What is usual is the least that looks from elsewhere took of late: each forgets so much of it. */
const FORGET = 1.05;
/** Mail whose transaction takes no longer than this is found without a look from the head. */
const LATE_SECONDS = .25;

/** What a look has found. */
type Look = Pick<TurnClaim, "oldest" | "tookMs">;

/** The cursor of one process. */
export class MailCursor {
  readonly #clock: Pick<Clock, "monotonic">;
  #from: number | null = null;
  /** The last look from the head: when it ended, what it took, and what it or the one before took at least. */
  #headAt = -Infinity;
  #headTookMs = 0;
  #headLeastMs = 0;
  #usualMs = 0;
  #rewinds = 0;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Where the next look begins, seconds since 1970 (null: at the head), and what takes note of what it finds. */
  begin(): { readonly from: number | null; readonly settle: (look: Look) => void } {
    const rewinds = this.#rewinds;
    const from = this.from;
    const settle = ({ oldest, tookMs }: Look) => {
      if (from === null) {
        this.#headAt = this.#clock.monotonic();
        // One that took long was perhaps unlucky.
        this.#headLeastMs = Math.min(this.#headTookMs, tookMs);
        this.#headTookMs = tookMs;
      } else {
        this.#usualMs = Math.min((this.#usualMs || tookMs) * FORGET, tookMs);
      }
      // Old mail that was offered meanwhile it may not have seen.
      if (rewinds === this.#rewinds) this.#from = oldest - LATE_SECONDS;
    };
    return { from, settle };
  }

  /** Where a look begins that takes nothing. */
  get from(): number | null {
    const extraMs = Math.max(0, this.#headLeastMs - this.#usualMs - LOOK_MS);
    const pauseMs = Math.min(HEAD_PAUSE_MAX_MS, HEAD_SHARE * extraMs);
    return this.#clock.monotonic() >= this.#headAt + pauseMs ? null : this.#from;
  }

  /** Old mail is offered again: the next look begins at the head. */
  rewind(): void {
    this.#rewinds++;
    this.#from = null;
  }
}
