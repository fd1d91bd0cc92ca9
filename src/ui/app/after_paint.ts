/** What may wait until what has just changed is painted. */

/** Calls back once the next frame is drawn: that is after its callbacks, so that a task comes behind it. */
export function afterPaint(then: () => void): void {
  requestAnimationFrame(() => setTimeout(then));
}
