/** A sparkline: a line, the ground below it, and no axis. */

/** Draws numbers from left to right. */
export function Sparkline({ values, tone = "on", label }: {
  readonly values: readonly number[];
  readonly tone?: string;
  readonly label: string;
}) {
  if (values.length < 3) {
    return (
      <svg class="spark" viewBox="0 0 120 28" role="img" aria-label={`${label}: no history yet`} />
    );
  }
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const range = high - low || 1;
  const points = values.map((value, i) => {
    const x = i / (values.length - 1) * 120;
    const y = high === low ? 20 : 25 - (value - low) / range * 21;
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  const line = `M${points.join("L")}`;
  return (
    <svg
      class={`spark ${tone}`}
      viewBox="0 0 120 28"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${label}, from ${low} to ${high}`}
    >
      <path class="ground" d={`${line}L120 28L0 28Z`} />
      <path class="line" d={line} />
    </svg>
  );
}
