/** The names that XState gives delayed transitions, `xstate.after.DELAY.NODE`, as people read them. */

/** The parts of such a name. */
export interface After {
  /** As on a chart: `after 1 min`, `after packBy`. */
  readonly words: string;
  /** The state that it is of, without those around it. */
  readonly state: string;
}

/** Null: the event, or the timer, is of another kind. */
export function afterOf(name: string): After | null {
  const [, delay, node] = /^xstate\.after\.([^.]+)\.(.+)$/.exec(name) ?? [];
  if (delay === undefined || node === undefined) return null;
  return { words: `after ${durationText(delay)}`, state: node.slice(node.lastIndexOf(".") + 1) };
}

function durationText(delay: string): string {
  if (!/^\d+$/.test(delay)) return delay;
  const ms = Number(delay);
  const units = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1_000, "s"]] as const;
  const [size, unit] = units.find(([size]) => ms >= size) ?? [1, "ms"];
  return `${+(ms / size).toFixed(1)} ${unit}`;
}
