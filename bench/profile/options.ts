/** The command line of the profile. */

const USAGE = `usage: deno run -A --config deno.json bench/profile.ts
         [--who CONTESTANT] [--jobs N] [--bytes N] [--workers N] [--set setting=value …]

  --who …   whom to profile: perdura, perdura-workflow, perdura-actors
  --set …   a setting of PostgreSQL to try, for every session`;

/** What to profile. */
export interface Options {
  /** A contestant of ours. */
  readonly who: string;
  readonly jobs: number;
  readonly bytes: number;
  readonly workers: number;
  readonly settings: readonly (readonly [name: string, value: string])[];
}

/** Reads the arguments; a text says how to use them. */
export function readOptions(args: readonly string[]): Options | string {
  const numbers = { "--jobs": 60_000, "--bytes": 83, "--workers": 1 };
  const settings: [string, string][] = [];
  let who = "perdura";
  for (let at = 0; at < args.length; at += 2) {
    const name = args[at];
    const value = args[at + 1] ?? "";
    const [, setting, to] = /^([a-z_.]+)=(.*)$/.exec(value) ?? [];
    const isNumber = name === "--jobs" || name === "--bytes" || name === "--workers";
    if (isNumber && /^[1-9]\d{0,6}$/.test(value)) {
      numbers[name] = Number(value);
    } else if (name === "--who" && /^perdura(-workflow|-actors)?$/.test(value)) {
      who = value;
    } else if (name === "--set" && setting !== undefined && to !== undefined) {
      settings.push([setting, to]);
    } else {
      return USAGE;
    }
  }
  return {
    who,
    jobs: numbers["--jobs"],
    bytes: numbers["--bytes"],
    workers: numbers["--workers"],
    settings,
  };
}
