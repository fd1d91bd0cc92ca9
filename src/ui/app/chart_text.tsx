/** The chart without a picture: a tree of states and the transitions out of each, kept in step. */
import type { Chart, ChartState, ChartTransition } from "../chart.ts";
import type { ReadonlySignal } from "@preact/signals";
import type { Lit } from "./lit.ts";
import type { Overlay } from "./overlay.ts";

interface TextProps {
  readonly chart: Chart;
  readonly lit?: ReadonlySignal<Lit> | undefined;
  readonly over?: Overlay | null | undefined;
  readonly onSelect?: ((state: string) => void) | undefined;
}

/** The whole chart as text. */
export function ChartText(props: TextProps) {
  const [root] = props.chart.states;
  return (
    <div
      class="charttext"
      tabIndex={0}
      role="group"
      aria-label={`Statechart of ${props.chart.name} as text`}
    >
      <ul>{root && <StateText {...props} lit={props.lit?.value} state={root} />}</ul>
    </div>
  );
}

interface StateProps extends Omit<TextProps, "lit"> {
  readonly lit: Lit | undefined;
  readonly state: ChartState;
}

function StateText({ state, ...props }: StateProps) {
  const { chart, lit, over, onSelect } = props;
  const children = chart.states.filter(({ parent }) => parent === state.id);
  const out = chart.transitions.filter(({ source }) => source === state.id);
  const isOn = lit?.active.has(state.id) ?? false;
  const marks = [
    isOn ? "active" : lit?.seen.has(state.id) ? "visited" : null,
    state.type === "atomic" || state.type === "compound" ? null : state.type,
    state.isInitial ? "initial" : null,
    over?.states.get(state.id)?.text ?? null,
  ].filter((mark) => mark !== null);
  const name = <bdi>{state.key}</bdi>;
  return (
    <li class={isOn ? "on" : ""} aria-current={isOn ? "step" : undefined}>
      {onSelect
        ? <button type="button" class="plain" onClick={() => onSelect(state.id)}>{name}</button>
        : <strong>{name}</strong>}
      {marks.length > 0 && <span class="soft">({marks.join(", ")})</span>}
      {state.invokes.length > 0 && <span class="soft">runs {state.invokes.join(", ")}</span>}
      {out.length > 0 && (
        <ul class="ways">
          {out.map((each) => <WayText key={each.id} way={each} lit={lit} />)}
        </ul>
      )}
      {children.length > 0 && (
        <ul>{children.map((child) => <StateText key={child.id} {...props} state={child} />)}</ul>
      )}
    </li>
  );
}

function WayText({ way, lit }: { readonly way: ChartTransition; readonly lit: Lit | undefined }) {
  const words = lit?.taken.has(way.id)
    ? "just taken"
    : lit?.open.has(way.id)
    ? "possible now"
    : null;
  return (
    <li class={lit?.taken.has(way.id) ? "taken" : ""}>
      <code>{way.label}</code>
      {way.guard && <span class="soft">if {way.guard}</span>} →{" "}
      {way.targets.length === 0 ? "stays" : <bdi>{way.targets.join(", ")}</bdi>}
      {way.actions.length > 0 && <span class="soft">does {way.actions.join(", ")}</span>}
      {words && <span class="mark">{words}</span>}
    </li>
  );
}
