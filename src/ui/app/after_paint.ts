/** What may wait until what has just changed is painted. */

let waiting: (() => void)[] = [];

/** Calls back once the next frame is drawn: that is after its callbacks, so that a task comes behind it. */
export function afterPaint(then: () => void): void {
  if (waiting.push(then) > 1) return;
  requestAnimationFrame(() => {
    // What is asked for from now on waits for another frame.
    const due = waiting;
    waiting = [];
    setTimeout(() => due.forEach((each) => each()));
  });
}
