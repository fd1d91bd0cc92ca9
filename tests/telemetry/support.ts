/** Reads the text format of Prometheus. */

/** One line of it. */
export interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** All samples of a text. Throws on a line that is none. */
export function parseMetrics(text: string): Line[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!match) throw new Error(`Not a sample: ${line}`);
    const [, name = "", labels = "", value = ""] = match;
    const pairs = labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g);
    return {
      name,
      labels: Object.fromEntries(Array.from(pairs, ([, key, text]) => [key, text])),
      value: Number(value),
    };
  });
}

/** The value of a sample, its labels among others; undefined: there is none. */
export function valueOf(
  lines: readonly Line[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  return lines.find((line) =>
    line.name === name && Object.entries(labels).every(([key, value]) => line.labels[key] === value)
  )?.value;
}
