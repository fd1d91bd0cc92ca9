/** A machine in numbers: how much goes through it, what fails, what waits. */
import type { ComponentChildren } from "preact";
import type { Flow } from "../../core/flow.ts";
import { minutesOf } from "./overlay.ts";
import { Sparkline } from "./sparkline.tsx";
import { short } from "./amount.ts";
import { duration } from "./words.ts";

interface StripProps {
  readonly flow: Flow | null;
  readonly total: number | null;
  readonly listed: "jobs" | "actors";
}

/** The numbers, a card each. */
export function Strip({ flow, total, listed }: StripProps) {
  const waits = flow?.dwells.find(({ state }) => state === "pending");
  const stuck = flow?.stuck.reduce((sum, { count }) => sum + count, 0) ?? 0;
  const series = flow ? seriesOf(flow) : null;
  const words = listed === "jobs" ? "Attempts" : "Steps";
  return (
    <section class="strip" aria-label="In numbers">
      <Figure
        name={`${words} a minute`}
        value={flow && series ? rate(series.counts, flow) : "–"}
      >
        <Sparkline values={series?.lines[0] ?? []} label={words} />
      </Figure>
      <Figure
        name="Failures a minute"
        value={flow && series ? rate(series.failures, flow) : "–"}
      >
        <Sparkline values={series?.lines[1] ?? []} tone="bad" label="Failures" />
      </Figure>
      <Figure
        name={listed === "jobs" ? "Jobs" : "Actors"}
        value={total === null ? "–" : short(total)}
      />
      {listed === "jobs"
        ? (
          <>
            <Figure
              name="Queue delay p50 / p99"
              value={waits ? `${duration(waits.p50Ms)} / ${duration(waits.p99Ms)}` : "–"}
            />
            <Figure
              name="Oldest that is due"
              value={typeof flow?.oldestMs === "number" ? duration(flow.oldestMs) : "none"}
            />
          </>
        )
        : <Slowest flow={flow} />}
      <Figure name="Stuck" value={short(stuck)} />
    </section>
  );
}

/** The state that lasts longest, by its median. */
function Slowest({ flow }: { readonly flow: Flow | null }) {
  const [slowest] = (flow?.dwells ?? []).toSorted((a, b) => b.p50Ms - a.p50Ms);
  return (
    <Figure
      name="Longest state p50 / p99"
      value={slowest ? `${duration(slowest.p50Ms)} / ${duration(slowest.p99Ms)}` : "–"}
    />
  );
}

function Figure(
  { name, value, children }: {
    readonly name: string;
    readonly value: string;
    readonly children?: ComponentChildren;
  },
) {
  return (
    <div class="card">
      <span>{name}</span>
      <strong>{value}</strong>
      {children}
    </div>
  );
}

/** Buckets without a gap: those in which nothing happened are zeros. */
function seriesOf({ buckets, bucketMs }: Flow) {
  const [first, last] = [buckets[0], buckets.at(-1)];
  const length = first && last ? (Date.parse(last.at) - Date.parse(first.at)) / bucketMs + 1 : 0;
  const counts = Array.from({ length }, () => 0);
  const failures = [...counts];
  for (const { at, count, failed } of buckets) {
    const index = Math.round((Date.parse(at) - Date.parse(first?.at ?? at)) / bucketMs);
    [counts[index], failures[index]] = [count, failed];
  }
  // The last one is not over yet: it would always look like a decline.
  return { counts, failures, lines: [counts.slice(0, -1), failures.slice(0, -1)] as const };
}

function rate(counts: readonly number[], flow: Flow): string {
  const perMinute = counts.reduce((sum, each) => sum + each, 0) / minutesOf(flow);
  return perMinute < 10 ? perMinute.toFixed(1) : short(Math.round(perMinute));
}
