/** What the pages of a job and of an actor share: the chart on the left, what is known on the right. */
import { computed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { Announcer } from "./announcer.tsx";
import { ChartView, type MachineChart } from "./chart.tsx";
import { glanceAt } from "./glance.ts";
import { HistoryTable } from "./history_table.tsx";
import { type Lit, litAt, type Step, unlit } from "./lit.ts";
import { Panel, Raw } from "./parts.tsx";
import type { Past } from "./past.ts";
import { Tabs } from "./tabs.tsx";
import { Timeline } from "./timeline.tsx";
import { clock, eventWords } from "./words.ts";

interface InstanceProps {
  readonly head: ComponentChildren;
  readonly side: ComponentChildren;
  readonly chart: MachineChart | null;
  readonly past: Past;
  /** What may be sent at the latest step. */
  readonly accepts: readonly string[];
  readonly tabs: Readonly<Record<string, () => ComponentChildren>>;
}

/** The page of an instance. A step makes nothing of it anew but what shows that step. */
export function Instance({ head, side, chart, past, accepts, tabs }: InstanceProps) {
  const open = accepts.join("\n");
  const lit = useMemo(() => computed(() => chart ? litNow(chart, past, open) : unlit), [
    chart,
    past,
    open,
  ]);
  return (
    <div class="instance">
      {head}
      <div class="stage">
        <div class="canvas">
          {chart
            ? <ChartView key={chart.hash} chart={chart} lit={lit} />
            : <div class="viewport" aria-busy="true" />}
        </div>
        <aside class="side">{side}</aside>
      </div>
      <Timeline past={past} />
      <Tabs of={{ History: () => <HistoryTable past={past} />, ...tabs }} />
      <Announcer past={past} />
    </div>
  );
}

/** `accepts`: what may be sent at the latest step, a line each. */
function litNow(chart: MachineChart, past: Past, accepts: string): Lit {
  const [steps, index] = [past.steps.value, past.index.value];
  const isNow = index === steps.length - 1 && steps[index]?.version === past.latest.value;
  return litAt(chart, steps, index, isNow ? accepts.split("\n") : []);
}

/** The step that is looked at: its event, what it changed. */
export function StepPanel(
  { past, children }: { readonly past: Past; readonly children?: ComponentChildren },
) {
  const step = glanceAt(past).value;
  if (!step) return null;
  const payload = payloadOf(step.body);
  return (
    <Panel
      title={`Step ${step.version}`}
      aside={
        <code>
          <bdi>{eventWords(step.event)}</bdi>
        </code>
      }
      name="step"
    >
      <p class="soft">
        <bdi>{movedWords(step)}</bdi>, {clock(step.at)}
      </p>
      {step.outcome && step.outcome !== "handled" && (
        <p>
          <b>{step.outcome}</b>
          {step.reason && `: ${step.reason}`}
        </p>
      )}
      {payload && <Raw value={payload} />}
      {children}
    </Panel>
  );
}

/** What was left and what was entered; regions that did not move are left out. */
function movedWords({ from, to }: Step): string {
  const [before, after] = [new Set((from ?? "nothing").split(",")), new Set(to.split(","))];
  const words = (parts: ReadonlySet<string>) => [...parts].join(", ").replaceAll(".", " › ");
  const [left, entered] = [before.difference(after), after.difference(before)];
  if (entered.size === 0 && left.size === 0) return `stays in ${words(after)}`;
  return `${words(left) || "also"} → ${words(entered)}`;
}

/** The event without its type, which stands in the title; null: that is all of it. */
function payloadOf(body: unknown): object | null {
  const { type: _, ...payload } = Object(body);
  return Object.keys(payload).length > 0 ? payload : null;
}
