/** A chart as a Mermaid state diagram: to paste where pictures are made from text. */
import type { Chart, ChartState } from "./chart.ts";
import { textOf } from "./geometry.ts";

/** The text. Mermaid knows no transition without a target and no edge to a history state: notes say it. */
export function mermaidOf(chart: Chart): string {
  const names = new Map(chart.states.map(({ id }, index) => [id, `s${index}`]));
  const nameOf = (id: string) => names.get(id) ?? "s0";
  const lines = [
    "stateDiagram-v2",
    ...chart.states.slice(0, 1).flatMap((root) => body(chart, root, nameOf, 1)),
  ];
  for (const { source, targets, ...transition } of chart.transitions) {
    for (const target of targets) {
      const state = chart.states.find(({ id }) => id === target);
      const to = state?.type === "history" ? state.parent ?? target : target;
      lines.push(
        `  ${nameOf(source)} --> ${nameOf(to)}: ${
          plain(textOf({ ...transition, source, targets }))
        }`,
      );
    }
  }
  return lines.join("\n") + "\n";
}

function body(
  chart: Chart,
  state: ChartState,
  nameOf: (id: string) => string,
  depth: number,
): string[] {
  const indent = "  ".repeat(depth);
  const children = chart.states.filter(({ parent, type }) =>
    parent === state.id && type !== "history"
  );
  const own = [`${indent}state "${plain(state.key)}" as ${nameOf(state.id)}`];
  if (children.length > 0) {
    own.push(`${indent}state ${nameOf(state.id)} {`);
    children.forEach((child, index) => {
      if (state.type === "parallel" && index > 0) own.push(`${indent}  --`);
      if (child.isInitial) own.push(`${indent}  [*] --> ${nameOf(child.id)}`);
      own.push(...body(chart, child, nameOf, depth + 1));
    });
    own.push(`${indent}}`);
  }
  if (state.type === "final") own.push(`${indent}${nameOf(state.id)} --> [*]`);
  return own;
}

/** Without what Mermaid reads as its own. */
function plain(text: string): string {
  return text.replaceAll(/["\n\r;{}#]/g, " ").replaceAll(":", " ");
}
