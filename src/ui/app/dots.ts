/** Which steps the timeline shows, and where, worked out without the page. */
import type { Step } from "./lit.ts";

/** The first step to show: the same as before, as long as the one looked at is not near an end. */
export function firstOf(before: number, index: number, room: number, length: number): number {
  const isWithin = index > before && index < before + room - 1;
  const isAtEnd = before + room >= length && index >= before;
  const isAtStart = before === 0 && index < room - 1;
  if ((isWithin || isAtEnd || isAtStart) && before + room <= Math.max(room, length)) return before;
  return Math.max(0, Math.min(index - Math.floor(room / 2), length - room));
}

/** Where each step stands, 0 to 100. */
export function placesOf(steps: readonly Step[]): number[] {
  let sum = 0;
  const sums = steps.map((step, i) => {
    const gap = i === 0 ? 0 : Date.parse(step.at) - Date.parse(steps[i - 1]?.at ?? step.at);
    return sum += i === 0 ? 0 : 1 + Math.min(1.6, Math.log10(1 + Math.max(0, gap) / 1_000) / 2.5);
  });
  return sums.map((at) => sum === 0 ? 50 : 4 + at / sum * 92);
}
