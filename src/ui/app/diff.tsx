/** What a step changed in the context: added, changed, taken away, and from what to what. */
import type { Change } from "./lit.ts";
import { json } from "./words.ts";

/** One line of a difference. */
export interface DiffLine {
  readonly path: string;
  readonly sign: "+" | "~" | "−" | " ";
  readonly before: string | null;
  readonly after: string | null;
}

/** Reads a patch against the context before it. */
export function diffOf(before: unknown, patch: readonly Change[]): DiffLine[] {
  return patch.map(({ op, path, value }): DiffLine => {
    const old = valueAt(before, path);
    const had = old !== undefined;
    const words = path === ""
      ? "(all)"
      : path.slice(1).replaceAll("/", " › ").replaceAll("~1", "/").replaceAll("~0", "~");
    if (op === "remove") {
      return { path: words, sign: "−", before: had ? textOf(old) : null, after: null };
    }
    return {
      path: words,
      sign: op === "add" && !had ? "+" : "~",
      before: had ? textOf(old) : null,
      after: textOf(value),
    };
  });
}

/** The value at a JSON pointer; undefined: there is none. */
function valueAt(value: unknown, path: string): unknown {
  let here: unknown = value;
  for (const part of path.split("/").slice(1)) {
    if (typeof here !== "object" || here === null) return undefined;
    here = Reflect.get(here, part.replaceAll("~1", "/").replaceAll("~0", "~"));
  }
  return here;
}

function textOf(value: unknown): string {
  const text = json(value, 0);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** The lines. */
export function Diff({ lines }: { readonly lines: readonly DiffLine[] }) {
  if (lines.length === 0) return <p class="soft">The context does not change.</p>;
  const words = { "+": "added", "~": "changed", "−": "taken away", " ": "same" };
  return (
    <ul class="diff">
      {lines.map(({ path, sign, before, after }) => (
        <li key={path} class={{ "+": "add", "~": "change", "−": "remove", " ": "" }[sign]}>
          <span class="sign" role="img" aria-label={words[sign]}>{sign}</span>
          <b>
            <bdi>{path}</bdi>
          </b>
          <span class="values">
            {before !== null && (
              <del>
                <bdi>{before}</bdi>
              </del>
            )}
            {after !== null && (
              <ins>
                <bdi>{after}</bdi>
              </ins>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
