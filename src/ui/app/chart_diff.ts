/** The difference of two charts: states and transitions that are new, gone, or not what they were. */
import type { Chart, ChartState, ChartTransition } from "../chart.ts";

/** One difference. */
export interface Change {
  readonly kind: "state" | "transition";
  readonly what: "new" | "gone" | "changed";
  readonly id: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** From the older to the newer one: states first, in the order of the charts. */
export function changesOf(older: Chart, newer: Chart): Change[] {
  return [
    ...changesBetween("state", older.states, newer.states, stateWords),
    ...changesBetween("transition", older.transitions, newer.transitions, wayWords),
  ];
}

function changesBetween<T extends { readonly id: string }>(
  kind: Change["kind"],
  older: readonly T[],
  newer: readonly T[],
  wordsOf: (thing: T) => string,
): Change[] {
  const before = new Map(older.map((each) => [each.id, wordsOf(each)]));
  const after = new Map(newer.map((each) => [each.id, wordsOf(each)]));
  const ids = [...new Set([...before.keys(), ...after.keys()])];
  return ids.flatMap((id): Change[] => {
    const [was, is] = [before.get(id) ?? null, after.get(id) ?? null];
    if (was === is) return [];
    const what = was === null ? "new" : is === null ? "gone" : "changed";
    return [{ kind, what, id, before: was, after: is }];
  });
}

function stateWords({ type, isInitial, tags, entry, exit, invokes }: ChartState): string {
  return wordsOf([
    [isInitial ? "initial" : "", type === "atomic" ? "state" : type],
    ["runs", ...invokes],
    ["entry", ...entry],
    ["exit", ...exit],
    ["tags", ...tags],
  ]);
}

function wayWords({ label, targets, guard, actions, reenter }: ChartTransition): string {
  return wordsOf([
    [label, targets.length > 0 ? `→ ${targets.join(", ")}` : "stays"],
    ["if", ...guard === null ? [] : [guard]],
    ["does", ...actions],
    [reenter ? "anew" : "", ""],
  ]);
}

/** Each group begins with its name, and is left out where there is no more. */
function wordsOf(groups: readonly (readonly string[])[]): string {
  return groups.filter(([, ...more]) => more.some((each) => each !== ""))
    .map((group) => group.filter(Boolean).join(" ")).join("; ");
}
