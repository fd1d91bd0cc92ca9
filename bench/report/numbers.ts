/** The command line of the smaller benchmarks: names of numbers, each followed by one. */

/** What was asked for, over the defaults; null: something else stands there. */
export function readNumbers<Name extends string>(
  args: readonly string[],
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> | null {
  const numbers: Record<Name, number> = { ...defaults };
  const isKnown = (name: string): name is Name => Object.hasOwn(defaults, name);
  for (let at = 0; at < args.length; at += 2) {
    const name = (args[at] ?? "").replace(/^--/, "");
    const value = args[at + 1] ?? "";
    if (!args[at]?.startsWith("--") || !isKnown(name) || !/^\d{1,8}$/.test(value)) return null;
    numbers[name] = Number(value);
  }
  return numbers;
}
