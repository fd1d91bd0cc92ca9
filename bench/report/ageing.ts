/** The slope over the age of an actor, in words. */
import type { Slope } from "../cells/slope.ts";
import { table } from "./table.ts";

/** A section of the report. */
export function ageingOf({ ages, per1000, error, isFlat }: Slope): string {
  return [
    "## slope: one event of an actor that has taken so many, beside one of a fresh actor",
    "",
    table(
      ["events", "ms", "fresh, ms", "old ÷ fresh"],
      ages.map(({ upTo, oldMs, freshMs }) => [
        upTo.toLocaleString("en"),
        ...[oldMs.toFixed(2), freshMs.toFixed(2), (oldMs / freshMs).toFixed(3)],
      ]),
    ),
    "",
    `Slope: ${per1000.toFixed(4)} ± ${error.toFixed(4)} per 1,000 events: ` +
    `${isFlat ? "zero within noise" : "not zero"}.`,
  ].join("\n");
}
