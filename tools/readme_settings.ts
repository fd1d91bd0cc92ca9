/**
 * The table of settings in the README, made from `src/cli/settings.ts`:
 * `deno run -A tools/readme_settings.ts` writes it between the two markers.
 */
import { settingsSchema } from "../src/cli/settings.ts";

const BEGIN = "<!-- settings: written by tools/readme_settings.ts -->";
const END = "<!-- end of settings -->";

/** The README with the table as it should be. Throws when a marker is missing. */
export function withSettings(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`README lacks "${BEGIN}" … "${END}"`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${settingsTable()}\n\n${readme.slice(end)}`;
}

/** A Markdown table, its columns aligned as `deno fmt` would. */
function settingsTable(): string {
  const defaults: Readonly<Record<string, unknown>> = settingsSchema.parse({});
  const rows = Object.entries(settingsSchema.shape).map(([name, schema]) => {
    return [`\`${name}\``, shown(defaults[name]), schema.description ?? ""];
  });
  const cells = [["setting", "default", "meaning"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => length(row[column]))));
  const line = (row: readonly string[], fill: string) => {
    const padded = widths.map((width, column) => {
      return (row[column] ?? "") + fill.repeat(width - length(row[column]));
    });
    return `| ${padded.join(" | ")} |`;
  };
  const [head = [], ...body] = cells;
  return [line(head, " "), line([], "-"), ...body.map((row) => line(row, " "))].join("\n");
}

/** Unset is null; everything else is given as a person would type it. */
function shown(value: unknown): string {
  return value === null ? "unset" : `\`${value}\``;
}

function length(cell: string | undefined): number {
  return [...cell ?? ""].length;
}

if (import.meta.main) {
  const readme = new URL("../README.md", import.meta.url);
  await Deno.writeTextFile(readme, withSettings(await Deno.readTextFile(readme)));
}
