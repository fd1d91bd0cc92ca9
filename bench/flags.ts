/** The command line of the benchmark. */

/** What was asked for. */
export interface Flags {
  readonly isQuick: boolean;
  readonly isJson: boolean;
  /** Rounds; at least one. */
  readonly rounds: number;
  /** Names of workloads; empty: all. */
  readonly only: readonly string[];
}

const ROUNDS = 3;

/** Words about the flags. */
export function usage(workloads: readonly string[]): string {
  return [
    "usage: deno task bench [--quick] [--json] [--rounds N] [--only WORKLOAD[,WORKLOAD…]]",
    "",
    "  --quick     a few seconds per cell, below 8 minutes in all",
    "  --json      one JSON object as the last line",
    `  --rounds N  1 to 99, default ${ROUNDS}`,
    `  --only …    ${workloads.join(" ")}`,
  ].join("\n");
}

/** Reads the arguments; a text says what is wrong with them. */
export function readFlags(args: readonly string[], workloads: readonly string[]): Flags | string {
  const flags = {
    isQuick: false,
    isJson: false,
    rounds: ROUNDS,
    only: [] as string[],
  };
  // `--rounds=3` and `--rounds 3` are the same.
  const words = args.filter((arg) => arg !== "--").flatMap((arg) => {
    const [, name, value] = /^(--\w+)=(.*)$/.exec(arg) ?? [];
    return name === undefined ? [arg] : [name, value ?? ""];
  });
  while (words.length > 0) {
    const flag = words.shift();
    if (flag === "--quick") flags.isQuick = true;
    else if (flag === "--json") flags.isJson = true;
    else if (flag === "--rounds") {
      const value = words.shift() ?? "";
      if (!/^[1-9]\d?$/.test(value)) {
        return `--rounds takes a number from 1 to 99`;
      }
      flags.rounds = Number(value);
    } else if (flag === "--only") {
      const names = (words.shift() ?? "").split(",").filter((name) => name !== "");
      const unknown = names.find((name) => !workloads.includes(name));
      if (unknown !== undefined) return `no workload "${unknown}"`;
      if (names.length === 0) return "--only takes names of workloads";
      flags.only.push(...names);
    } else return `unknown argument "${flag}"`;
  }
  return flags;
}
