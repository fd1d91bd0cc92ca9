/**
 * What a handler may return instead of an output.
 *
 * They are values, not exceptions, so that a user's own `catch` cannot swallow them.
 */

/** Come back later; the attempt is refunded. `cause`: what it waits for, as many others may. */
export class Snooze {
  constructor(readonly delayMs: number, readonly cause?: string) {}
}

/** Count this attempt as failed, and come back after exactly this delay. */
export class RetryAfter {
  constructor(readonly delayMs: number, readonly error: unknown) {}
}

/** Do not try again: straight to dead_letter. */
export class GiveUp {
  constructor(readonly error: unknown) {}
}

/**
 * Returned by a handler: run again in `delayMs` milliseconds, without spending an attempt. 0 or less, as of a
 * time that has passed, is a second: no attempt would end the round. What is no number fails the attempt.
 */
export function snooze(delayMs: number): Snooze {
  return new Snooze(delayMs);
}

/** Returned by a handler: failed, next attempt in `delayMs` milliseconds (a 429's Retry-After). */
export function retryAfter(delayMs: number, error: unknown = "Retry later"): RetryAfter {
  return new RetryAfter(delayMs, error);
}

/** Returned by a handler: failed for good. */
export function giveUp(error: unknown): GiveUp {
  return new GiveUp(error);
}

/** Whether a handler returned what to do instead of an output. */
export function isOutcome(result: unknown): result is Snooze | RetryAfter | GiveUp {
  return result instanceof Snooze || result instanceof RetryAfter || result instanceof GiveUp;
}
