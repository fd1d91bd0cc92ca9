/** The scrubber: a slider over all versions, and the steps around the one that is looked at. */
import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import {
  batch,
  computed,
  effect,
  type ReadonlySignal,
  type Signal,
  useSignal,
} from "@preact/signals";
import { afterPaint } from "./after_paint.ts";
import { firstOf, placesOf } from "./dots.ts";
import { glanceAt } from "./glance.ts";
import { Icon, type IconName } from "./icons.tsx";
import { isFailure, type Step } from "./lit.ts";
import { useKeys } from "./parts.tsx";
import type { Past } from "./past.ts";
import { setQueryAtRest } from "./place.ts";
import { duration, eventWords, sinceWords } from "./words.ts";

const IDLE_MS = 10 * 60_000;

/** Goes to a version: the address keeps it; null: live. */
export function lookAt(past: Past, version: number | null): void {
  const wanted = version === null || version >= past.latest.value && past.wanted.value === null
    ? null
    : version;
  const bounded = wanted === null ? null : Math.min(Math.max(1, wanted), past.latest.value);
  setQueryAtRest({ step: bounded === null ? null : String(bounded) });
  void past.look(bounded);
}

/** The bar below a chart. It is made once: a step changes what it says, past the components. */
export function Timeline({ past }: { readonly past: Past }) {
  const room = useSignal(12);
  const says = useMemo(() => sayingsOf(past, room), [past]);
  // From where it is by then: keys may come faster than this is made anew.
  const by = (n: number) => () => lookAt(past, (past.step.peek()?.version ?? 0) + n);
  const fail = (way: 1 | -1) => () => {
    const found = past.failure(way, isFailure);
    if (found !== null) lookAt(past, found);
  };
  const first = () => lookAt(past, 1);
  useKeys({
    ArrowLeft: by(-1),
    "[": by(-1),
    j: by(-1),
    ArrowRight: by(1),
    "]": by(1),
    k: by(1),
    Home: first,
    End: () => lookAt(past, past.latest.peek()),
    l: () => lookAt(past, null),
    PageUp: fail(-1),
    PageDown: fail(1),
  });
  return (
    <div class="timeline">
      <div class="moves" role="group" aria-label="Time travel">
        <Move icon="first" label="First step" keys="Home" onClick={first} disabled={says.isFirst} />
        <Move icon="back" label="Step back" keys="←" onClick={by(-1)} disabled={says.isFirst} />
        <Move icon="on" label="Step on" keys="→" onClick={by(1)} disabled={says.isLatest} />
        <button
          type="button"
          class={says.liveLook}
          aria-pressed={says.isLive}
          title="Follow what happens (l)"
          onClick={() => lookAt(past, null)}
        >
          <Icon name="dot" />Live
        </button>
        <output class="number" data-testid="position">{says.position}</output>
      </div>
      <div class="track">
        <Dots past={past} room={room} />
        <input
          type="range"
          class={says.sliderLook}
          aria-label="Step"
          aria-valuetext={says.step}
          min={says.least}
          max={says.most}
          value={says.slid}
          onInput={(event) => lookAt(past, Number(event.currentTarget.value))}
        />
      </div>
    </div>
  );
}

/**
 * What the bar says, each for itself. Where it is, it says at once; the slider follows with the panels.
 * `room`: so many dots there is room for.
 */
function sayingsOf(past: Past, room: ReadonlySignal<number>) {
  const { latest } = past;
  const version = computed(() => past.step.value?.version ?? 0);
  const isLive = computed(() => past.wanted.value === null);
  const glance = glanceAt(past);
  return {
    slid: computed(() => glance.value?.version ?? 0),
    isLive,
    isFirst: computed(() => version.value <= 1),
    isLatest: computed(() => version.value >= latest.value),
    liveLook: computed(() => `live ${isLive.value ? "on" : ""}`),
    position: computed(() => `${version.value} / ${latest.value}`),
    // As long as all steps are dots, they say where it is: it would say it by another measure.
    sliderLook: computed(() => latest.value <= room.value ? "spare" : ""),
    least: computed(() => Math.min(1, latest.value)),
    most: computed(() => Math.max(1, latest.value)),
    step: computed(() => {
      const step = glance.value;
      if (!step) return "";
      const before = past.steps.value[past.steps.value.indexOf(step) - 1];
      const since = before ? `, ${sinceWords(before, step)}` : "";
      return `step ${step.version}, ${eventWords(step.event)}${since}`;
    }),
  };
}

function Move({ icon, label, keys, onClick, disabled }: {
  readonly icon: IconName;
  readonly label: string;
  readonly keys: string;
  readonly onClick: () => void;
  readonly disabled: ReadonlySignal<boolean>;
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
  const { steps: drawn, index } = useDrawn(past);
  const window = useMemo(() => {
    let from = 0;
    return computed(() => from = firstOf(from, index.value, room.value, drawn.value.length));
  }, [past]);
  const steps = drawn.value;
  const from = window.value;
  const shown = useMemo(() => steps.slice(from, from + room.value), [steps, from, room.value]);
  // The dots stay as they are: a step moves the mark.
  useLayoutEffect(() => {
    const dots = [...place.current?.querySelectorAll(".dot") ?? []];
    // Those that stay have their marks from before.
    for (const dot of dots) {
      dot.classList.remove("past");
      dot.removeAttribute("aria-current");
    }
    let [marked, seen] = [-1, -1];
    return effect(() => {
      const version = drawn.value[index.value]?.version ?? 0;
      const at = shown.findLastIndex((each) => each.version <= version);
      dots[marked]?.removeAttribute("aria-current");
      marked = shown[at]?.version === version ? at : -1;
      dots[marked]?.setAttribute("aria-current", "step");
      for (; seen < at; seen++) dots[seen + 1]?.classList.add("past");
      for (; seen > at; seen--) dots[seen]?.classList.remove("past");
    });
  }, [past, shown]);
  const dots = useMemo(() => <DotRow past={past} shown={shown} />, [past, shown]);
  return <div class="dots" ref={place}>{dots}</div>;
}

/** Where it was when a frame was last drawn: the chart comes first, the dots with what follows it. */
function useDrawn(past: Past) {
  const steps = useSignal(past.steps.peek());
  const index = useSignal(past.index.peek());
  const show = () =>
    batch(() => {
      steps.value = past.steps.peek();
      index.value = past.index.peek();
    });
  useEffect(() =>
    effect(() => {
      if (past.steps.value[past.index.value]) afterPaint(show);
    }), [past]);
  return { steps, index };
}

function DotRow({ past, shown }: { readonly past: Past; readonly shown: readonly Step[] }) {
  const places = placesOf(shown);
  return (
    <>
      {shown.map((step, i) => {
        const left = places[i] ?? 0;
        const gap = i === 0 ? 0 : Date.parse(step.at) - Date.parse(shown[i - 1]?.at ?? step.at);
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
              class={`dot ${kind} ${step.version % 2 === 0 ? "high" : "low"}`}
              style={{ left: `${left}%` }}
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
    </>
  );
}
