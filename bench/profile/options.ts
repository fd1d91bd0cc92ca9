/** The command line of the profile. */

const USAGE = `usage: deno run -A --config deno.json bench/profile.ts
         [--who CONTESTANT] [--jobs N] [--bytes N] [--workers N] [--sleep MS] [--set setting=value …]

  --who …   whom to profile: perdura, perdura-workflow, perdura-actors, perdura-actors-steps
  --sleep … how long a drained job takes, milliseconds (0: nothing)
  --set …   a setting of PostgreSQL to try, for every session`;

/** What to profile. */
export interface Options {
  /** A contestant of ours. */
  readonly who: string;
  readonly jobs: number;
  readonly bytes: number;
  readonly workers: number;
  readonly sleepMs: number;
  readonly settings: readonly (readonly [name: string, value: string])[];
}

const NUMBERS: Readonly<
  Record<string, { as: "jobs" | "bytes" | "workers" | "sleepMs"; least: number }>
> = {
  "--jobs": { as: "jobs", least: 1 },
  "--bytes": { as: "bytes", least: 1 },
  "--workers": { as: "workers", least: 1 },
  "--sleep": { as: "sleepMs", least: 0 },
};

/** Reads the arguments; a text says how to use them. */
export function readOptions(args: readonly string[]): Options | string {
  const found = { jobs: 60_000, bytes: 83, workers: 1, sleepMs: 0 };
  const settings: [string, string][] = [];
  let who = "perdura";
  for (let at = 0; at < args.length; at += 2) {
    const name = args[at];
    const value = args[at + 1] ?? "";
    const [, setting, to] = /^([a-z_.]+)=(.*)$/.exec(value) ?? [];
    const number = NUMBERS[name ?? ""];
    if (number && /^(0|[1-9]\d{0,6})$/.test(value) && Number(value) >= number.least) {
      found[number.as] = Number(value);
    } else if (name === "--who" && /^perdura(-workflow|-actors|-actors-steps)?$/.test(value)) {
      who = value;
    } else if (name === "--set" && setting !== undefined && to !== undefined) {
      settings.push([setting, to]);
    } else {
      return USAGE;
    }
  }
  return { ...found, who, settings };
}
