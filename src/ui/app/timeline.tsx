/** The scrubber: a slider over all versions, and the steps around the one that is looked at. */
import { Fragment } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Signal, useSignal } from "@preact/signals";
import { firstOf, placesOf } from "./dots.ts";
import { Icon, type IconName } from "./icons.tsx";
import { isFailure, type Step } from "./lit.ts";
import { useKeys } from "./parts.tsx";
import type { Past } from "./past.ts";
import { setQuery } from "./place.ts";
import { duration, eventWords } from "./words.ts";

const IDLE_MS = 10 * 60_000;

/** Goes to a version: the address keeps it; null: live. */
export function lookAt(past: Past, version: number | null): void {
  const wanted = version === null || version >= past.latest.value && past.wanted.value === null
    ? null
    : version;
  const bounded = wanted === null ? null : Math.min(Math.max(1, wanted), past.latest.value);
  setQuery({ step: bounded === null ? null : String(bounded) }, "rest");
  void past.look(bounded);
}

/** The bar below a chart. */
export function Timeline({ past }: { readonly past: Past }) {
  const steps = past.steps.value;
  const index = past.index.value;
  const step = past.step.value;
  const isLive = past.wanted.value === null;
  const latest = past.latest.value;
  const version = step?.version ?? 0;
  const room = useSignal(12);
  // From where it is by then: keys may come faster than this is made anew.
  const by = (n: number) => () => lookAt(past, (past.step.peek()?.version ?? 0) + n);
  const fail = (way: 1 | -1) => () => {
    const found = past.failure(way, isFailure);
    if (found !== null) lookAt(past, found);
  };
  useKeys({
    ArrowLeft: by(-1),
    "[": by(-1),
    j: by(-1),
    ArrowRight: by(1),
    "]": by(1),
    k: by(1),
    Home: () => lookAt(past, 1),
    End: () => lookAt(past, past.latest.peek()),
    l: () => lookAt(past, null),
    PageUp: fail(-1),
    PageDown: fail(1),
  });
  const said = step ? `step ${version}, ${eventWords(step.event)}${sinceWords(steps, index)}` : "";
  return (
    <div class="timeline">
      <div class="moves" role="group" aria-label="Time travel">
        <Move
          icon="first"
          label="First step"
          keys="Home"
          onClick={() => lookAt(past, 1)}
          disabled={version <= 1}
        />
        <Move icon="back" label="Step back" keys="←" onClick={by(-1)} disabled={version <= 1} />
        <Move icon="on" label="Step on" keys="→" onClick={by(1)} disabled={version >= latest} />
        <button
          type="button"
          class={`live ${isLive ? "on" : ""}`}
          aria-pressed={isLive}
          title="Follow what happens (l)"
          onClick={() => lookAt(past, null)}
        >
          <Icon name="dot" />Live
        </button>
        <output class="number" data-testid="position">{version} / {latest}</output>
      </div>
      <div class="track">
        <Dots past={past} room={room} />
        <input
          type="range"
          // As long as all steps are dots, they say where it is: it would say it by another measure.
          class={latest <= room.value ? "spare" : undefined}
          aria-label="Step"
          aria-valuetext={said}
          min={Math.min(1, latest)}
          max={Math.max(1, latest)}
          value={version}
          onInput={(event) => lookAt(past, Number(event.currentTarget.value))}
        />
      </div>
    </div>
  );
}

function sinceWords(steps: readonly Step[], index: number): string {
  const [before, here] = [steps[index - 1], steps[index]];
  if (!before || !here) return "";
  return `, +${duration(Date.parse(here.at) - Date.parse(before.at))}`;
}

function Move({ icon, label, keys, onClick, disabled }: {
  readonly icon: IconName;
  readonly label: string;
  readonly keys: string;
  readonly onClick: () => void;
  readonly disabled: boolean;
}) {
  return (
    <button
      type="button"
      class="tool"
      aria-label={label}
      title={`${label} (${keys})`}
      onClick={onClick}
      disabled={disabled}
    >
      <Icon name={icon} />
    </button>
  );
}

/** Steps as dots: gaps grow with the logarithm of their time, long ones say how long. */
function Dots({ past, room }: { readonly past: Past; readonly room: Signal<number> }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!place.current) return;
    const observer = new ResizeObserver(([entry]) => {
      room.value = Math.max(3, Math.floor((entry?.contentRect.width ?? 900) / 78));
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  const index = past.index.value;
  const steps = past.steps.value;
  const from = useRef(0);
  from.current = firstOf(from.current, index, room.value, steps.length);
  const shown = steps.slice(from.current, from.current + room.value);
  const places = placesOf(shown);
  return (
    <div class="dots" ref={place}>
      {shown.map((step, i) => {
        const left = places[i] ?? 0;
        const gap = i === 0 ? 0 : Date.parse(step.at) - Date.parse(shown[i - 1]?.at ?? step.at);
        const isHere = from.current + i === index;
        const kind = isFailure(step) ? "bad" : step.event.startsWith("xstate.after") ? "after" : "";
        return (
          <Fragment key={step.version}>
            {gap > IDLE_MS && (
              <span
                class="idle"
                style={{ left: `${(left + (places[i - 1] ?? 0)) / 2}%` }}
              >
                {duration(gap)} idle
              </span>
            )}
            <button
              type="button"
              tabIndex={-1}
              class={`dot ${kind} ${from.current + i <= index ? "past" : ""} ${
                step.version % 2 === 0 ? "high" : "low"
              }`}
              style={{ left: `${left}%` }}
              aria-current={isHere ? "step" : undefined}
              data-version={step.version}
              title={`Step ${step.version}: ${eventWords(step.event)}`}
              onClick={() => lookAt(past, step.version)}
            >
              <i>
                {kind === "bad" && <Icon name="cross" />}
                {kind === "after" && <Icon name="clock" />}
              </i>
              <span>
                <bdi>{eventWords(step.event)}</bdi>
              </span>
            </button>
          </Fragment>
        );
      })}
    </div>
  );
}
