/**
 * House rules about what stands in the code: no escape from the types, no left-over markers, no clock
 * but the one in `core/clock.ts`.
 */
import { withoutImports } from "./imports.ts";
import { maskCode } from "./mask.ts";
import { type SourceFile, type Violation, violationAt, violationsOf } from "./tree.ts";

/** Where a cast may stand, and why no type can say the same. */
const CAST_PLACES: readonly { at: string; form?: RegExp; reason: string }[] = [
  {
    at: "src/library/outcome.ts",
    reason: "an output comes from a row; the handler's type names it",
  },
  {
    at: "src/library/typed_actors.ts",
    reason: "the same of context and output; the types of the chart name them",
  },
  {
    at: "src/runtime/activity_context.ts",
    reason: "what a transaction gave comes from a step; whoever wrote it names it",
  },
  { at: "src/store/rows.ts", reason: "a row has the columns its statement names; SQL is untyped" },
  { at: "src/store/actor_rows.ts", reason: "the same, for the rows of actors" },
  {
    at: "src/store/database.ts",
    reason: "the driver types parameters more narrowly than it takes",
  },
  {
    at: "src/core/actor/xstate5/",
    reason: "XState has no types for what it does inside; the casts end at this folder",
  },
  { at: "machines/", form: /\{\}\s*$/, reason: "`types: {} as T` is how XState is told a type" },
];

const ANY = /(?:[:<|&,(]|\b(?:as|is|extends|keyof)\b|=>)\s*any\b(?!\s*[(:.])/g;
const CAST = /\bas\s+(?!const\b)(?=\S)/g;
const MARKER = /\b(?:TODO|FIXME|XXX|HACK)\b/g;

const CLOCKS: readonly { pattern: RegExp; instead: string }[] = [
  { pattern: /\bDate\s*\.\s*now\b/g, instead: "a Clock's now()" },
  { pattern: /\bnew\s+Date\b\s*(?:\(\s*\)|(?!\s*\())/g, instead: "a Clock's now()" },
  { pattern: /\bperformance\s*\.\s*now\b/g, instead: "a Clock's monotonic()" },
  { pattern: /\bMath\s*\.\s*random\b/g, instead: "a Random" },
];

/** Code that is held to the rules of style; tests and tools answer to `deno lint` alone. */
export function isProduction(path: string): boolean {
  return /^(?:src|machines|handlers)\/.*\.tsx?$|^(?:main|mod)\.ts$/.test(path);
}

/** Rule `any`: the type that turns the checker off. */
export function checkAny(files: readonly SourceFile[]): Violation[] {
  return production(files).flatMap((file) => {
    const message = () => "`any` turns the type checker off: say what it is, or `unknown`";
    return violationsOf(file, maskCode(file.text), ANY, "any", message);
  });
}

/** Rule `cast`: a cast is a claim nobody checks. */
export function checkCasts(files: readonly SourceFile[]): Violation[] {
  const message = `\`as\` only in ${CAST_PLACES.map(({ at }) => at).join(", ")}`;
  return production(files).flatMap((file) => {
    const code = withoutImports(maskCode(file.text));
    return [...code.matchAll(CAST)]
      .filter(({ index }) => !isAllowedCast(file.path, code.slice(0, index)))
      .map(({ index }) => violationAt(file, index, "cast", message));
  });
}

/** Rule `marker`: nothing is left for later without an issue. */
export function checkMarkers(files: readonly SourceFile[]): Violation[] {
  const checked = files.filter(({ path }) => isProduction(path) || path.endsWith(".sql"));
  return checked.flatMap((file) =>
    violationsOf(
      file,
      file.text,
      MARKER,
      "marker",
      ([word]) => `"${word}": do it, or open an issue`,
    )
  );
}

/** Rule `clock`: time and randomness come in through `core/clock.ts`; core and machines never wait. */
export function checkClocks(files: readonly SourceFile[]): Violation[] {
  return production(files).flatMap((file) => {
    const code = maskCode(file.text);
    const reads = /^src\/(?:core\/clock\.ts$|cli\/|embedded\/)/.test(file.path) ? [] : CLOCKS;
    const waits = /^(?:src\/core|machines)\//.test(file.path)
      ? violationsOf(file, code, /\bset(?:Timeout|Interval)\b/g, "clock", ([name]) => {
        return `${name}: core decides how long, the runtime waits`;
      })
      : [];
    return [
      ...waits,
      ...reads.flatMap(({ pattern, instead }) =>
        violationsOf(file, code, pattern, "clock", ([text]) => `${text.trim()}: take ${instead}`)
      ),
    ];
  });
}

/** Whether the cast after this code is one of the known ones, or renames a key of a mapped type. */
function isAllowedCast(path: string, before: string): boolean {
  if (/\[[^\]]*\bin\b[^\]]*$/.test(before.slice(-200))) return true;
  return CAST_PLACES.some(({ at, form }) => path.startsWith(at) && (form?.test(before) ?? true));
}

function production(files: readonly SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => isProduction(path));
}
